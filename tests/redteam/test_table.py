"""The page about the suite, and the suite itself."""

from tests.redteam.attack import FOLDERS, attacks
from tests.redteam.table import PAGE, page


def test_the_page_lists_every_attack_as_it_is() -> None:
    assert PAGE.read_text() == page(), "run python -m tests.redteam.table"


def test_every_attack_is_sent_and_shows_what_it_does_without_its_guard() -> None:
    for folder in FOLDERS:
        for one in attacks(folder):
            assert one.is_sent, one
            assert one.shows_its_power, one
            assert one.what, one
            assert not one.what.endswith("."), one
            assert "|" not in f"{one.what}{one.seen}{one.guard}{one.instead}", one
