import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.store.pages import cut, decode_cursor, encode_cursor, keyset
from app.store.rows import Project
from lathe.errors import Malformed

NOON = datetime(2031, 5, 7, 12, 0, 0, 7, tzinfo=UTC)


@pytest.fixture
def session(empty: Session) -> Session:
    return empty


def add(session: Session, name: str, seconds: int) -> None:
    moment = NOON + timedelta(seconds=seconds)
    session.add(Project(id=f"prj_{name}", name=name, created_at=moment))
    session.flush()


def page(session: Session, cursor: str | None, limit: int) -> tuple[str, str | None]:
    statement = keyset(select(Project), Project, cursor, limit)
    rows, following = cut(session.scalars(statement).all(), limit)
    return "".join(row.name for row in rows), following


def test_pages_go_from_new_to_old_and_ids_break_ties(session: Session) -> None:
    for name, seconds in [("a", 0), ("d", 5), ("c", 5), ("b", 5), ("e", 9)]:
        add(session, name, seconds)
    first, cursor = page(session, None, 2)
    assert first == "ed"
    second, cursor = page(session, cursor, 2)
    assert second == "cb"
    assert page(session, cursor, 2) == ("a", None)


def test_a_page_that_fits_exactly_is_the_last(session: Session) -> None:
    add(session, "a", 0)
    add(session, "b", 1)
    assert page(session, None, 2) == ("ba", None)


def test_a_row_that_arrives_meanwhile_moves_no_page(session: Session) -> None:
    add(session, "a", 0)
    add(session, "b", 1)
    _, cursor = page(session, None, 1)
    add(session, "z", 2)
    assert page(session, cursor, 1) == ("a", None)


def test_a_cursor_keeps_the_microsecond_and_any_time_zone() -> None:
    in_india = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    cursor = encode_cursor(in_india, "job_01k3")
    assert decode_cursor(cursor) == (NOON, "job_01k3")
    assert cursor.replace("-", "").replace("_", "").isalnum()


def cursor_of(plain: str) -> str:
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "a",
        "ä",
        cursor_of("12"),
        cursor_of("12."),
        cursor_of(".job_1"),
        cursor_of("012.job_1"),
        cursor_of("1_2.job_1"),
        cursor_of("-12.job_1' or 1"),
        cursor_of("9" * 40 + ".job_1"),
        cursor_of("12.job_1") + "=",
        cursor_of("12." + "j" * 41),
    ],
)
def test_a_cursor_nobody_made_is_malformed_and_names_its_parameter(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        decode_cursor(text)
    assert refused.value.param == "cursor"
