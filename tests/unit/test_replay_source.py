"""Lines of a replayed file become events, and a checkpoint keeps the progress."""

from pathlib import Path
from uuid import UUID

import pytest

from eunoe_consumers.cli.replay_checkpoint import Progress, ReplayPosition
from eunoe_consumers.cli.replay_source import FieldMapping, Line, read_chunks

LINE = b'{"nr": 7, "who": "ada", "role": "user", "text": "hello", "note": null, "at": 1700000000}'


def test_without_a_mapping_a_line_is_an_event_unchanged() -> None:
    """No field is ignored: a misspelt field must be refused, not lost."""
    assert FieldMapping().fields(b'{"event_id": "1", "stray": 2}') == {"event_id": "1", "stray": 2}
    assert FieldMapping(constants={"role": "user"}).fields(b'{"stray": 2}') == {"stray": 2, "role": "user"}


def test_a_mapping_reads_named_fields_and_ignores_the_rest() -> None:
    """An event's fields are read under their own names, numbers become ids, constants win."""
    agent = UUID(int=1)
    sources = {"event_id": "nr", "user_id": "who", "content": "text", "occurred_at": "at", "thread_id": "absent"}
    assert FieldMapping(sources, {"agent_id": agent, "user_id": "ben"}).fields(LINE) == {
        "event_id": "7",
        "user_id": "ben",
        "role": "user",
        "content": "hello",
        "occurred_at": 1700000000,
        "agent_id": agent,
    }


def test_a_mapped_field_is_not_read_under_its_own_name() -> None:
    """Another system may use the name for something else, even if the mapped source is absent."""
    assert FieldMapping({"content": "text"}).fields(b'{"content": "something else"}') == {}


@pytest.mark.parametrize("text", [b"", b"[]", b"7", b"{", b'{"a": "\xff"}'])
def test_a_line_without_an_object_is_refused(text: bytes) -> None:
    """A ValueError makes the replay refuse the line."""
    with pytest.raises(ValueError, match=r"."):
        FieldMapping().fields(text)


def test_a_file_is_read_in_chunks_from_any_line(tmp_path: Path) -> None:
    """Blank lines count; the last line may lack a line break; reading continues at a position."""
    file = tmp_path / "lines"
    file.write_bytes(b"one\n\nthree\nfour\n  \nsix")
    chunks = list(read_chunks(file, start_bytes=0, start_line=0, size=2))
    assert [[line.number for line in chunk.lines] for chunk in chunks] == [[1], [3, 4], [6]]
    assert [chunk.last_number for chunk in chunks] == [2, 4, 6]
    (last,) = read_chunks(file, start_bytes=chunks[1].end_bytes, start_line=4, size=10)
    assert last.lines == [Line(6, b"six")]
    assert last.end_bytes == file.stat().st_size
    assert list(read_chunks(file, start_bytes=last.end_bytes, start_line=6, size=2)) == []


def test_a_checkpoint_belongs_to_a_file_a_mapping_and_a_place(tmp_path: Path) -> None:
    """Another size, mapping or Redis makes another replay."""
    file = tmp_path / "lines"
    file.write_bytes(b"one\n")
    mapped = FieldMapping({"content": "text"}, {"agent_id": UUID(int=1)})

    def path(mapped: FieldMapping = mapped, place: str = "redis://a") -> Path:
        return ReplayPosition.of(file, mapped, place=place, folder=tmp_path / "state").path

    first = path()
    assert path() == first
    assert path(FieldMapping({"content": "body"}, mapped.constants)) != first
    assert path(FieldMapping(mapped.sources, {"agent_id": UUID(int=2)})) != first
    assert path(place="redis://b") != first
    file.write_bytes(b"one\ntwo\n")
    assert path() != first


def test_a_checkpoint_is_saved_loaded_and_removed(tmp_path: Path) -> None:
    """Saved progress is loaded; a checkpoint that cannot be read counts as no progress."""
    checkpoint = ReplayPosition(tmp_path / "state" / "one.json")
    assert checkpoint.load() == Progress()
    checkpoint.remove()
    progress = Progress(lines=200, end_bytes=4_000, published=150, duplicates=40, refused=10)
    checkpoint.save(progress)
    assert checkpoint.load() == progress
    assert [path.name for path in checkpoint.path.parent.iterdir()] == ["one.json"]
    checkpoint.path.write_bytes(b"\x00")
    assert checkpoint.load() == Progress()
    checkpoint.remove()
    assert not checkpoint.path.exists()
