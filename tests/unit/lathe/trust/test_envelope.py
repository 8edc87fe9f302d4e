"""What is signed, byte by byte."""

import pytest

from lathe.trust.envelope import decoded, encoded


def test_the_signed_bytes_are_those_of_the_specification() -> None:
    # the worked example of the DSSE protocol, version 1.0
    kind = "http://example.com/HelloWorld"
    assert encoded(kind, b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_lengths_count_bytes_not_letters() -> None:
    assert encoded("é", b"\xff\x00 ") == b"DSSEv1 2 \xc3\xa9 3 \xff\x00 "


@pytest.mark.parametrize("text", ["YQ", "YQ=a", "Y!Q=", "YQ==\n"])
def test_what_is_not_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decoded(text)
