"""The plan for the indexes of giant scopes, for every state in which a scope and its index may be."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from eunoe_consumers.postgres.giants.plan import Survey, Work, plan
from eunoe_consumers.postgres.giants.scopes import GiantScope, index_name
from eunoe_tests.events import AGENT, OTHER_AGENT, scope_of

SCOPE = scope_of(UUID(int=1))
NAME = index_name(SCOPE)
LIMIT = 100
LISTED_AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rows", "listed", "usable", "steps"),
    [
        (101, False, None, {"build"}),
        (101, False, False, {"drop", "build"}),
        (101, False, True, {"enlist"}),
        (101, True, True, set[str]()),
        (101, True, None, {"unlist", "build"}),
        (101, True, False, {"unlist", "drop", "build"}),
        (100, True, True, set[str]()),
        (50, True, True, set[str]()),
        (49, True, True, {"unlist", "drop"}),
        (50, True, None, {"unlist"}),
        (50, True, False, {"unlist", "drop"}),
        (0, True, True, {"unlist", "drop"}),
    ],
)
def test_every_state_is_repaired(rows: int, listed: bool, usable: bool | None, steps: set[str]) -> None:  # noqa: FBT001
    """A scope is listed if its index is usable. It gets the index above the limit, and loses it below half of it."""
    giant = GiantScope(SCOPE, rows, LISTED_AT if listed else None)
    work = plan(Survey([giant], {} if usable is None else {NAME: usable}), LIMIT)
    assert {name for name in ("unlist", "drop", "enlist", "build") if getattr(work, name)} == steps
    assert bool(work) == bool(steps)


def test_an_index_without_a_scope_is_dropped() -> None:
    """The scope was deleted, or shrank before its index was listed."""
    assert plan(Survey([], {NAME: True, "other": False}), LIMIT) == Work(drop=[NAME, "other"])


def test_the_largest_scope_comes_first() -> None:
    """It gains most, and one call may build a single index."""
    giants = [GiantScope(scope_of(UUID(int=number)), rows, None) for number, rows in ((1, 300), (2, 200))]
    assert plan(Survey(giants, {}), LIMIT).build == giants


def test_index_names_are_bounded_and_unique() -> None:
    """PostgreSQL cuts names at 63 bytes, and two scopes must not share a name afterwards."""
    scopes = [
        scope_of(tenant, user, agent)
        for tenant in (UUID(int=1), UUID(int=2))
        for user in ("ada", "Ada", "u" * 256, "u" * 255 + "v", "\U0001f600" * 256, "a:b", "o'hara\\")
        for agent in (AGENT, OTHER_AGENT)
    ]
    names = {index_name(scope) for scope in scopes}
    assert len(names) == len(scopes)
    assert {len(name.encode()) for name in names} == {62}
