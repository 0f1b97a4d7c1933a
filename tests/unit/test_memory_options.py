"""What is typed becomes what the contract knows."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest
import typer

from eunoe_consumers.cli.memory.bundles import unbundled
from eunoe_consumers.cli.memory.call import CommandCall, DirectiveCall
from eunoe_consumers.cli.memory.memory_lines import parse_lines
from eunoe_consumers.cli.memory.options import Fields, Filters, Origin
from eunoe_consumers.cli.memory.paging import Paging
from eunoe_consumers.cli.options import parse_object, parse_time, text_or_input
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.memory import Status, Tier
from eunoe_tests.events import AGENT


def test_a_bundle_becomes_its_fields() -> None:
    """On the command line there are only options; the command is given the bundle."""
    seen: list[tuple[int, CommandCall]] = []

    def command(number: int, *, call: DirectiveCall) -> None:
        """Do something."""
        seen.append((number, call))

    flat = unbundled(command)
    names = list(flat.__annotations__)
    assert (flat.__doc__, names) == ("Do something.", ["number", "tenant", "agent", "user", "deadline", "as_json"])
    flat(number=1, tenant="acme", agent=AGENT, user=None, deadline=None, as_json=True)
    assert seen == [(1, DirectiveCall(tenant="acme", agent=AGENT, as_json=True))]


def test_times_and_objects_are_read_or_refused_with_what_was_typed() -> None:
    """ISO 8601 and JSON objects; anything else is named, and never a traceback."""
    assert parse_time("2026-05-01T12:00:00+00:00") == datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert parse_object('{"a": [1]}') == {"a": [1]}
    with pytest.raises(typer.BadParameter, match="'tomorrow' is not a time such as"):
        parse_time("tomorrow")
    for wrong, said in (
        ("[1]", "a JSON object"),
        ("{", "not JSON"),
        (b"\xff", "not JSON"),
        ("[" * 100_000, "not JSON"),
    ):
        with pytest.raises(typer.BadParameter, match=said):
            parse_object(wrong)


def test_a_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its last line break; what is not UTF-8 is refused."""
    assert text_or_input("- x") == "- x"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO("Grüße\n\n".encode())))
    assert text_or_input("-") == "Grüße\n"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"\xff")))
    with pytest.raises(typer.BadParameter, match="not UTF-8"):
        text_or_input("-")


def test_a_session_is_of_the_agent_and_the_user_or_of_those_that_are_named() -> None:
    """A memory may be wider than the session it came from; whose session that is must be known."""
    ada = CommandCall(tenant="acme", user="ada")
    assert Origin().ref(ada) is None
    found = Origin(session="s", session_agent=AGENT).ref(ada)
    assert found is not None
    assert (found.agent_id, found.user_id, found.session_id) == (AGENT, "ada", "s")
    with pytest.raises(typer.BadParameter, match="--session-agent"):
        Origin(session="s").ref(ada)
    with pytest.raises(typer.BadParameter, match="give that, too"):
        Origin(session_agent=AGENT).ref(ada)


def test_filters_begin_with_what_is_active() -> None:
    """Other statuses are asked for by name, or all at once, and not both."""
    assert Filters().filter(None).statuses == (Status.ACTIVE,)
    assert Filters(status=[Status.MERGED]).filter(None).statuses == (Status.MERGED,)
    assert Filters(any_status=True).filter(None).statuses == ()
    with pytest.raises(typer.BadParameter, match="contradict"):
        Filters(status=[Status.MERGED], any_status=True).filter(None)
    full = Filters(
        tier=[Tier.TASK],
        tag=["a", "b"],
        metadata={"x": 1},
        collection=UUID(int=1),
        created_since=parse_time("2026-01-01"),
    ).filter(None)
    assert (full.tiers, full.tags, full.metadata, full.collection_id) == (
        (Tier.TASK,),
        ("a", "b"),
        {"x": 1},
        UUID(int=1),
    )
    assert full.created_from == datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(InvalidEvent, match="tags"):
        Filters(tag=["x" * 101]).filter(None)


def test_lines_are_memories_with_the_options_as_defaults() -> None:
    """Empty lines are passed over and counted; each wrong line is named with what is wrong."""
    texts = [
        json.dumps(line).encode() for line in ({"content": "a"}, {"content": "b", "tier": "project"}, {"text": "c"})
    ]
    lines, wrong = parse_lines(
        [texts[0], b"", texts[1], b"{", b"[1]", b"\xff", texts[2]], Fields(tier=Tier.TASK).given(None)
    )
    assert [(line.number, line.memory.content, line.memory.tier) for line in lines] == [
        (1, "a", Tier.TASK),
        (3, "b", Tier.PROJECT),
    ]
    assert [number for number, _ in wrong] == [4, 5, 6, 7]
    assert "not JSON" in wrong[0][1]
    assert "no JSON object" in wrong[1][1]
    assert "content: Field required" in wrong[3][1]


@dataclass(frozen=True)
class _Page:
    items: Sequence[int]
    cursor: str | None


@pytest.mark.parametrize(
    ("paging", "found", "cursor", "asked"),
    [
        (Paging(limit=3), [0, 1, 2], "3", [3]),
        (Paging(limit=7), [*range(7)], "7", [5, 2]),
        (Paging(limit=20), [*range(12)], None, [5, 5, 5]),
        (Paging(every=True), [*range(12)], None, [5, 5, 5]),
        (Paging(limit=2, cursor="11"), [11], None, [2]),
    ],
)
async def test_pages_are_followed_as_far_as_is_wanted(
    paging: Paging, found: list[int], cursor: str | None, asked: list[int]
) -> None:
    """Never more than a page may hold, never more than was asked for, and the cursor says where to go on."""
    limits: list[int] = []

    async def page(limit: int, cursor: str | None) -> _Page:
        limits.append(limit)
        start = int(cursor or 0)
        end = min(start + limit, 12)
        return _Page(range(start, end), str(end) if end < 12 else None)

    items, following = await paging.follow(page, lambda page: page.items, most=5)
    assert (items, following, limits) == (found, cursor, asked)
