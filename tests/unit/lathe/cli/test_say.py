"""What the command shows of texts that others wrote."""

import pytest

from lathe.cli.say import harmless, note, out, table

STEERING = "net\x1b[2J\x1b]0;owned\x07\r\u202egnp.exe\x9b1m"
SPELLED = r"net\x1b[2J\x1b]0;owned\x07\r\u202egnp.exe\x9b1m"


def test_what_would_steer_a_terminal_is_spelled_out() -> None:
    assert harmless(STEERING) == SPELLED
    assert harmless("a\tb\nGröße 図 👍🏽") == "a\tb\nGröße 図 👍🏽"


def test_lines_notes_and_tables_are_all_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    out().print(STEERING, soft_wrap=True, markup=False)
    note(STEERING)
    table(("id", "name"), [("1", STEERING)])
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert shown.out.count(SPELLED) == 2
    assert shown.err == f"{SPELLED}\n"
