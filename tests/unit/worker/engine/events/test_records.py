from tests.unit.worker.engine.events.records import crc32c


def test_the_checksum_is_the_published_one() -> None:
    # RFC 3720, appendix B.4: 32 zeros, 32 ones, and the bytes 0 to 31; stored low byte first
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
