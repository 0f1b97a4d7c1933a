"""How much of a list is shown: page after page until a limit, or to its end."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

import typer

from eunoe_consumers.cli.memory.bundles import Bundle
from eunoe_schema.memory.base import DEFAULT_PAGE, MAX_PAGE

ItemT = TypeVar("ItemT")


class _Page(Protocol):
    @property
    def cursor(self) -> str | None: ...


PageT = TypeVar("PageT", bound=_Page)


@dataclass(frozen=True, kw_only=True)
class Paging(Bundle):
    """How much of a list."""

    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = DEFAULT_PAGE
    every: Annotated[bool, typer.Option("--all", help="All of them, however many.")] = False
    cursor: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Where to go on: what the page before has named.")
    ] = None

    async def follow(
        self,
        page: Callable[[int, str | None], Awaitable[PageT]],
        items: Callable[[PageT], Sequence[ItemT]],
        *,
        most: int = MAX_PAGE,
    ) -> tuple[list[ItemT], str | None]:
        """Return the items of as many pages as are wanted, and where the next one would begin.

        Args:
            page: Returns at most so many items from a cursor on.
            items: What a page holds.
            most: How many a page may hold.
        """
        found: list[ItemT] = []
        cursor = self.cursor
        while True:
            wanted = most if self.every else min(most, self.limit - len(found))
            latest = await page(wanted, cursor)
            found += items(latest)
            cursor = latest.cursor
            if cursor is None or (not self.every and len(found) >= self.limit):
                return found, cursor


def what_follows(cursor: str | None) -> Sequence[str]:
    """Return how to see what was not shown; nothing where that is all."""
    return () if cursor is None else (f"there is more: --cursor {cursor} goes on, --all shows everything",)
