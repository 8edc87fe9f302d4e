"""What routes ask for: the service's parts, and one transaction a request."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession

from app.services import Services
from lathe.errors import Malformed


async def services(request: Request) -> Services:
    """The parts of the running service."""
    parts: Services = request.app.state.services
    return parts


async def plain_address(request: Request) -> None:
    """Raise Malformed for a NUL character in the path or the query: no database takes one."""
    if "\0" in request.scope["path"] or "%00" in request.url.query:
        raise Malformed("there is a NUL character (%00) in the address; leave it out")


Parts = Annotated[Services, Depends(services)]


async def _writing(parts: Parts) -> AsyncIterator[AsyncSession]:
    async with parts.writing() as session:
        yield session


async def _reading(parts: Parts) -> AsyncIterator[AsyncSession]:
    async with parts.reading() as session:
        yield session


# `scope="function"`: the transaction is committed before the reply leaves, so that a failed
# commit can never be answered as done.
Db = Annotated[AsyncSession, Depends(_writing, scope="function")]
ReadDb = Annotated[AsyncSession, Depends(_reading, scope="function")]


@dataclass(frozen=True)
class Paging:
    """Which page of a list is asked for."""

    cursor: str | None
    limit: int


async def _paging(
    parts: Parts,
    cursor: Annotated[
        str | None, Query(max_length=200, description="The `next_cursor` of the page before.")
    ] = None,
    limit: Annotated[
        int | None, Query(ge=1, le=200, description="Of the page; default LATHE_PAGE_SIZE.")
    ] = None,
) -> Paging:
    return Paging(cursor, limit or parts.settings.page_size)


Paged = Annotated[Paging, Depends(_paging)]
Wait = Annotated[
    int, Query(ge=0, le=60, description="Seconds to wait for the end before answering.")
]
