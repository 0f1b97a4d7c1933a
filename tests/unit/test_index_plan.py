"""What is done about the indexes of giant scopes, for every state that they can be found in."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from eunoe_consumers.postgres.giant_scopes import GiantScope, index_name
from eunoe_consumers.postgres.index_plan import Survey, Work, plan
from eunoe_tests.events import AGENT, OTHER_AGENT, scope_of

SCOPE = scope_of(UUID(int=1))
NAME = index_name(SCOPE)
LIMIT = 100
LISTED_AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rows", "listed", "usable", "done"),
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
def test_each_state_leads_to_a_true_list(rows: int, listed: bool, usable: bool | None, done: set[str]) -> None:  # noqa: FBT001
    """A scope is listed where its index can be used; it gains the index beyond the limit, and loses it below half."""
    giant = GiantScope(SCOPE, rows, LISTED_AT if listed else None)
    work = plan(Survey([giant], {} if usable is None else {NAME: usable}), LIMIT)
    assert {name for name in ("unlist", "drop", "enlist", "build") if getattr(work, name)} == done
    assert bool(work) == bool(done)


def test_an_index_of_nobody_is_dropped() -> None:
    """Its scope was erased, or has shrunk before the index was listed."""
    assert plan(Survey([], {NAME: True, "other": False}), LIMIT) == Work(drop=[NAME, "other"])


def test_the_largest_scope_comes_first() -> None:
    """It gains most, and a call may build one index only."""
    giants = [GiantScope(scope_of(UUID(int=number)), rows, None) for number, rows in ((1, 300), (2, 200))]
    assert plan(Survey(giants, {}), LIMIT).build == giants


def test_index_names_are_bounded_and_each_scopes_own() -> None:
    """PostgreSQL cuts a name at 63 bytes, and two scopes must not meet there."""
    scopes = [
        scope_of(tenant, user, agent)
        for tenant in (UUID(int=1), UUID(int=2))
        for user in ("ada", "Ada", "u" * 256, "u" * 255 + "v", "\U0001f600" * 256, "a:b", "o'hara\\")
        for agent in (AGENT, OTHER_AGENT)
    ]
    names = {index_name(scope) for scope in scopes}
    assert len(names) == len(scopes)
    assert {len(name.encode()) for name in names} == {62}
