"""Listings in pages, newest first, by the id after or before which a page begins."""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from local.emulator.errors import invalid

Item = TypeVar("Item")


class Cursor(NamedTuple):
    """Which page is asked for: of how many, after (older than) one id, or just before (newer than) one."""

    limit: int = 20
    after_id: str | None = None
    before_id: str | None = None


FIRST_PAGE = Cursor()


class Page(NamedTuple, Generic[Item]):
    """One page, and whether there is more in the direction in which it was asked for."""

    items: list[Item]
    has_more: bool


def page_of(newest_first: Sequence[Item], cursor: Cursor, id_of: Callable[[Item], str]) -> Page[Item]:
    """Raises `ApiError` for an id that is not in the listing."""
    ids = [id_of(item) for item in newest_first]
    if cursor.before_id is not None:
        newer = newest_first[: _place(ids, cursor.before_id, "before_id")]
        return Page(list(newer[-cursor.limit :]), len(newer) > cursor.limit)
    older = newest_first
    if cursor.after_id is not None:
        older = newest_first[_place(ids, cursor.after_id, "after_id") + 1 :]
    return Page(list(older[: cursor.limit]), len(older) > cursor.limit)


def _place(ids: list[str], wanted: str, name: str) -> int:
    if wanted not in ids:
        raise invalid(f"{name}: not found")
    return ids.index(wanted)
