"""SQL files: a wrong one is refused when it is loaded, with its name, and not when it is run."""

from dataclasses import fields
from pathlib import Path

import pytest

from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.postgres import queries
from eunoe_consumers.postgres.migrations import Migration, load_migrations
from eunoe_consumers.postgres.queries import Queries, QueryError, load_queries, parse

GOOD = """
-- name: one_thing
-- Return one thing;
-- the colons of a cast and the quote of a comment ('') disturb nobody: it's text.
SELECT 'a;b' -- trailing
FROM things
WHERE id = $1::uuid AND tags[1:2] = $2;

-- name: another
-- Return another.
SELECT 2
"""


def test_blocks_are_split_by_name() -> None:
    """Each block is its statement, without its own comment lines and the semicolon at its end, and otherwise as is."""
    assert parse(GOOD, source="x.sql") == {
        "one_thing": "SELECT 'a;b' -- trailing\nFROM things\nWHERE id = $1::uuid AND tags[1:2] = $2",
        "another": "SELECT 2",
    }


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("SELECT 1;\n" + GOOD, "text before the first `-- name:` line"),
        ("-- A file of queries.\n" + GOOD, "text before the first `-- name:` line"),
        ("-- name: Upper\n-- Return one.\nSELECT 1;\n", "text before the first `-- name:` line"),
        ("-- name: one\nSELECT 1;\n", "block one has no line of purpose"),
        ("-- name: one\n\n" + GOOD, "block one has no line of purpose"),
        ("-- name: one\n--\nSELECT 1;\n", "block one has no line of purpose"),
        ("-- name: one\n-- Return one.\n" + GOOD, "block one is empty"),
        ("-- name: one\n-- Return one.\n;\n", "block one is empty"),
        (GOOD + "\n-- name: one_thing\n-- Return it again.\nSELECT 3;\n", "block one_thing stands twice"),
    ],
)
def test_a_wrong_file_is_refused(text: str, fault: str) -> None:
    """No statement is lost, without purpose, or hidden by another of its name; the message names file and block."""
    with pytest.raises(QueryError) as caught:
        parse(text, source="x.sql")
    assert str(caught.value) == f"x.sql: {fault}"


def test_the_queries_load() -> None:
    """Every field of Queries has its block: a statement, and only one."""
    loaded = load_queries()
    for field in fields(Queries):
        statement = getattr(loaded, field.name)
        assert statement.split(maxsplit=1)[0] in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "SET"}, field.name
        assert ";" not in statement, field.name
        assert "-- name" not in statement, field.name


@pytest.fixture
def sql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of query files that holds every block, where load_queries looks; nothing of it is kept."""
    folder = tmp_path / "queries"
    folder.mkdir()
    blocks = (f"-- name: {field.name}\n-- Say one.\nSELECT 1;\n" for field in fields(Queries))
    (folder / "all.sql").write_text("\n".join(blocks))
    monkeypatch.setattr(queries, "files", {"eunoe_sql": tmp_path}.__getitem__)
    monkeypatch.setattr(queries, "load_queries", load_queries.__wrapped__)
    return folder


def test_blocks_are_found_in_any_file(sql: Path) -> None:
    """The fixture's folder is right before a test spoils it."""
    assert sql.exists()
    assert queries.load_queries() == Queries(**{field.name: "SELECT 1" for field in fields(Queries)})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("-- name: unheard_of\n-- Say two.\nSELECT 2;\n", "blocks and fields differ: unheard_of"),
        ("-- name: add_tenant\n-- Say two.\nSELECT 2;\n", "more.sql: block add_tenant stands in another file too"),
        ("SELECT 2;\n", "more.sql: text before the first `-- name:` line"),
    ],
)
def test_files_and_fields_must_agree(sql: Path, text: str, fault: str) -> None:
    """A block that nobody knows, or that stands in two files, is refused at load."""
    (sql / "more.sql").write_text(text)
    with pytest.raises(QueryError) as caught:
        queries.load_queries()
    assert str(caught.value) == fault


def test_a_missing_block_is_named(sql: Path) -> None:
    """A field without its block is refused at load, by its name."""
    text = (sql / "all.sql").read_text()
    (sql / "all.sql").write_text(text.replace("-- name: add_tenant\n", "-- name: ad_tenant\n"))
    with pytest.raises(QueryError) as caught:
        queries.load_queries()
    assert str(caught.value) == "blocks and fields differ: ad_tenant, add_tenant"


UP, DOWN = "-- migrate:up\nCREATE TABLE a ();\n", "-- migrate:down\nDROP TABLE a;\n"


def test_a_migration_has_a_version_a_name_and_two_directions() -> None:
    """The leading digits are the version, the rest is the name; each direction is all that stands below its mark."""
    migration = Migration.parse("0007_add_a_b.sql", f"-- Why.\n{UP}-- a comment\n{DOWN}")
    assert (migration.version, migration.name) == ("0007", "add_a_b")
    assert migration.up.strip() == "CREATE TABLE a ();\n-- a comment"
    assert migration.down.strip() == "DROP TABLE a;"
    assert migration.transaction


@pytest.mark.parametrize("marks", [("up transaction:false", "down"), ("up", "down transaction:false")])
def test_a_migration_may_run_outside_a_transaction(marks: tuple[str, str]) -> None:
    """CREATE INDEX CONCURRENTLY refuses to run in one; dbmate's option on either mark says so."""
    migration = Migration.parse("1_x.sql", f"-- migrate:{marks[0]}\nSELECT 1;\n-- migrate:{marks[1]}\nSELECT 2;\n")
    assert not migration.transaction
    assert (migration.up.strip(), migration.down.strip()) == ("SELECT 1;", "SELECT 2;")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CREATE TABLE a ();\n",
        UP,
        DOWN,
        DOWN + UP,
        UP + UP + DOWN,
        UP + DOWN + DOWN,
        UP + DOWN.replace(":down", ": down"),
    ],
)
def test_a_migration_of_another_shape_is_refused(text: str) -> None:
    """A file without both directions, in their order and once, would be half applied: it is refused by name."""
    with pytest.raises(ConfigurationError, match=r"^1_x\.sql: expected one `-- migrate:up` and then one"):
        Migration.parse("1_x.sql", text)


def test_the_migrations_load_in_order() -> None:
    """Versions are digits of one width, each once, so that the order of the files is the order of applying."""
    versions = [migration.version for migration in load_migrations()]
    assert versions
    assert versions == sorted(set(versions))
    assert all(len(version) == 4 and version.isdigit() for version in versions)
    assert all(migration.up.strip() and migration.down.strip() for migration in load_migrations())
