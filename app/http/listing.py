"""One page of a list, from any statement."""

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from app.http.deps import Paging
from app.store.pages import Listed, cut, keyset
from lathe.views import Page

Item = TypeVar("Item")
First = TypeVar("First", bound=Listed)
Rest = TypeVarTuple("Rest")


async def page(
    session: AsyncSession,
    statement: Select[First, *Rest],
    row_class: type[Listed],
    paging: Paging,
    show: Callable[[First, *Rest], Item],
) -> Page[Item]:
    """The newest rows behind the cursor; `show` takes what one row of the statement holds.

    `row_class` is the first thing each row holds. Raises Malformed for a made-up cursor.
    """
    cut_out = keyset(statement, row_class, paging.cursor, paging.limit)
    rows = (await session.execute(cut_out)).all()
    shown, next_cursor = cut([row[0] for row in rows], paging.limit)
    return Page(
        items=[show(*row) for row in rows[: len(shown)]],
        next_cursor=next_cursor,
    )
