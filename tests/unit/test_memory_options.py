"""The options of `eunoe memory` are converted into members of the contract."""

import io
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest
import typer

from eunoe_consumers.cli.memory.find import follow_pages, make_filter
from eunoe_consumers.cli.memory.memory_lines import parse_lines
from eunoe_consumers.cli.options import parse_object, parse_time, text_or_input
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.memory import Memory, MemoryPage, Status, Tier


def test_times_and_objects_are_read_or_refused_with_the_given_text() -> None:
    """ISO 8601 and JSON objects; an error names the text, and is never a traceback."""
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
    """The last line break is removed; text that is not UTF-8 is refused."""
    assert text_or_input("- x") == "- x"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO("Grüße\n\n".encode())))
    assert text_or_input("-") == "Grüße\n"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"\xff")))
    with pytest.raises(typer.BadParameter, match="not UTF-8"):
        text_or_input("-")


def test_a_filter_selects_active_memories_unless_a_status_is_given() -> None:
    """Statuses are given one by one or all at once, not both; --filter adds conditions, and contradicts no option."""
    assert make_filter(None, status=None, any_status=False).statuses == (Status.ACTIVE,)
    assert make_filter(None, status=[Status.MERGED], any_status=False).statuses == (Status.MERGED,)
    assert make_filter(None, status=None, any_status=True).statuses == ()
    with pytest.raises(typer.BadParameter, match="contradict"):
        make_filter(None, status=[Status.MERGED], any_status=True)
    conditions = {"collection_id": str(UUID(int=1)), "created_from": "2026-01-01"}
    full = make_filter(conditions, status=None, any_status=False, tiers=[Tier.TASK], tags=["a"], metadata={"x": 1})
    assert (full.tiers, full.tags, full.metadata, full.collection_id) == (
        (Tier.TASK,),
        ("a",),
        {"x": 1},
        UUID(int=1),
    )
    assert full.created_from == datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(typer.BadParameter, match="both set tags"):
        make_filter({"tags": ["b"]}, status=None, any_status=False, tags=["a"])
    for wrong, said in (({"tags": ["x" * 101]}, "tags"), ({"colour": 1}, "colour: Extra inputs")):
        with pytest.raises(InvalidEvent, match=said):
            make_filter(wrong, status=None, any_status=False)


def test_the_options_are_the_defaults_of_a_files_lines() -> None:
    """Empty lines are skipped and counted; each wrong line is named with its error."""
    texts = [
        json.dumps(line).encode() for line in ({"content": "a"}, {"content": "b", "tier": "project"}, {"text": "c"})
    ]
    lines, wrong = parse_lines([texts[0], b"", texts[1], b"{", b"[1]", b"\xff", texts[2]], {"tier": Tier.TASK})
    assert [(line.number, line.memory.content, line.memory.tier) for line in lines] == [
        (1, "a", Tier.TASK),
        (3, "b", Tier.PROJECT),
    ]
    assert [number for number, _ in wrong] == [4, 5, 6, 7]
    assert "not JSON" in wrong[0][1]
    assert "a JSON object is needed" in wrong[1][1]
    assert "content: Field required" in wrong[3][1]


@pytest.mark.parametrize(
    ("limit", "start", "found", "cursor", "asked"),
    [
        (3, None, [0, 1, 2], "3", [3]),
        (7, None, [*range(7)], "7", [5, 2]),
        (20, None, [*range(12)], None, [5, 5, 5]),
        (None, None, [*range(12)], None, [5, 5, 5]),
        (2, "11", [11], None, [2]),
    ],
)
async def test_pages_are_followed_up_to_the_limit(
    limit: int | None, start: str | None, found: list[int], cursor: str | None, asked: list[int]
) -> None:
    """No page is larger than allowed, no more memories come than asked for, and the cursor says where to continue."""
    memories = [Memory.model_construct(version=number) for number in range(12)]
    limits: list[int] = []

    async def page(size: int, cursor: str | None) -> MemoryPage:
        limits.append(size)
        begin = int(cursor or 0)
        end = min(begin + size, 12)
        return MemoryPage.model_construct(memories=tuple(memories[begin:end]), cursor=str(end) if end < 12 else None)

    items, following = await follow_pages(page, limit=limit, cursor=start, page_size=5)
    assert ([one.version for one in items], following, limits) == (found, cursor, asked)
