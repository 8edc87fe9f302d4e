"""What can be said of an address before anybody is asked."""

import pytest

from app.store.outbound import Allowed, Place
from lathe.errors import AddressRefused

NOBODY = Allowed()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no address"),
        ("hooks.example/x", "no address"),
        ("https://", "no address"),
        ("https:///path", "no address"),
        ("https://a b/", "names no host"),
        ("https://a%2eb/", "names no host"),
        ("https://hooks.example/" + "a" * 4000, "no address"),
        ("http://hooks.example/", "only https"),
        ("ftp://hooks.example/", "only https"),
        ("file:///etc/passwd", "no address"),
        ("gopher://hooks.example/", "only https"),
        ("https://hooks.example:22/", "only the ports 443 and 8443"),
        ("https://hooks.example:80/", "only the ports 443 and 8443"),
        ("https://me:secret@hooks.example/", "user name and password"),
        ("https://me@hooks.example/", "user name and password"),
        ("https://127.0.0.1/", "not on the public internet"),
        ("https://2130706433/", "not on the public internet"),
        ("https://0x7f.1/", "not on the public internet"),
        ("https://[::1]/", "not on the public internet"),
        ("https://[::ffff:10.1.2.3]/", "not on the public internet"),
        ("https://169.254.169.254/latest/meta-data/", "not on the public internet"),
        ("https://10.0.0.1.:8443/", "not on the public internet"),
    ],
)
def test_what_is_not_reached_is_refused_with_a_reason_and_the_field(
    url: str, said: str
) -> None:
    with pytest.raises(AddressRefused) as refused:
        Place.checked(url, NOBODY, "url")
    assert said in refused.value.detail
    assert refused.value.param == "url"
    assert "secret" not in refused.value.detail


@pytest.mark.parametrize("url", ["https://hooks.example/a?b=c", "https://hooks.example:8443/"])
def test_https_on_either_port_is_reached(url: str) -> None:
    place = Place.checked(url, NOBODY, "url")
    assert (place.host, place.trusted) == ("hooks.example", False)
    assert place.port in {443, 8443}


def test_what_is_shown_of_a_place_has_no_signature() -> None:
    place = Place.checked("https://s3.example/b/k?X-Amz-Signature=abc#frag", NOBODY, "source")
    assert place.shown == "https://s3.example/b/k"


def test_an_operator_can_name_a_host_or_a_network_and_then_any_port_and_http_are_fine() -> None:
    allowed = Allowed.parse("hooks.internal, 10.1.0.0/16,127.0.0.1")
    for url in ("http://hooks.internal:9000/", "http://10.1.2.3/", "http://127.0.0.1:80/x"):
        assert Place.checked(url, allowed, "url").trusted
    for url in ("http://other.internal/", "https://10.2.0.1/", "http://127.0.0.2/"):
        with pytest.raises(AddressRefused):
            Place.checked(url, allowed, "url")
    assert not Place.checked("https://sub.hooks.internal/", allowed, "url").trusted


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "http://a/", "a b", "*.internal", "0x7f.1"])
def test_an_entry_that_is_neither_host_nor_network_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="is neither a host name nor"):
        Allowed.parse(f"ok.internal,{entry}")
