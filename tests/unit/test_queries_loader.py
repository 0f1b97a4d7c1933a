"""SQL files: a wrong one is refused when it is loaded, with its name, and not when it is run."""

from importlib.resources import files
from pathlib import Path

import pytest

from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.postgres import queries
from eunoe_consumers.postgres.migration_files import Migration, load_migrations
from eunoe_consumers.postgres.queries import FRAGMENTS, QueryError, QueryFile, Statement, fragments, parse
from eunoe_tests.query_files import query_files

GOOD = """
-- name: one_thing
-- Return one thing;
-- the colons of a cast and the quote of a comment ('') have no effect: it's text.
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


def test_every_file_has_one_class() -> None:
    """No file is left without a class, where nothing would check it; and none has two."""
    folder = files("eunoe_sql").joinpath("queries")
    names = [file.name.removesuffix(".sql") for file in folder.iterdir() if file.name.endswith(".sql")]
    assert sorted([FRAGMENTS, *(found.file for found in query_files())]) == sorted(names)


def test_every_block_is_one_statement() -> None:
    """Each field of each class holds a statement, and only one."""
    for file in query_files():
        for name, statement in file.statements().items():
            assert statement.split(maxsplit=1)[0] in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}, name
            assert ";" not in statement, name
            assert "-- name" not in statement, name


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of query files in place of the packaged one."""
    made = tmp_path / "queries"
    made.mkdir()
    (made / "fragments.sql").write_text("-- name: mine\n-- A condition.\nowner = :owner::uuid\n")
    (made / "good.sql").write_text(GOOD)
    monkeypatch.setattr(queries, "files", {"eunoe_sql": tmp_path}.__getitem__)
    monkeypatch.setattr(queries, "fragments", fragments.__wrapped__)
    return made


@pytest.mark.usefixtures("folder")
def test_a_class_takes_the_blocks_of_its_file() -> None:
    """A field of a class is the statement of its block."""

    class Good(QueryFile, file="good"):
        one_thing: str
        another: str

    assert Good.another == "SELECT 2"
    assert Good.statements() == {"one_thing": Good.one_thing, "another": "SELECT 2"}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (["one_thing"], "good.sql and the fields of Wrong differ: another"),
        (["one_thing", "another", "third"], "good.sql and the fields of Wrong differ: third"),
    ],
)
def test_a_class_and_its_file_must_agree(fields: list[str], fault: str) -> None:
    """A missing or an unknown block is refused when the class is defined, by its name."""
    with pytest.raises(QueryError) as caught:
        type("Wrong", (QueryFile,), {"__annotations__": dict.fromkeys(fields, str)}, file="good")
    assert str(caught.value) == fault


def test_a_class_needs_a_file() -> None:
    """A class without its file is refused."""
    with pytest.raises(QueryError, match=r"^there is no file nowhere\.sql$"):
        type("Wrong", (QueryFile,), {"__annotations__": {}}, file="nowhere")


def test_parameters_are_numbered_as_they_appear(folder: Path) -> None:
    """A name gets one number however often it is used, in the text of a fragment, too; a cast is no parameter."""
    body = "SELECT a::text, b[1:2] FROM t WHERE b = :wanted::int AND {mine} OR c = :wanted::int"
    (folder / "named.sql").write_text(f"-- name: found\n-- Find.\n{body}\n")

    class Named(QueryFile, file="named"):
        found: Statement

    assert Named.found == Statement(
        "SELECT a::text, b[1:2] FROM t WHERE b = $1::int AND owner = $2::uuid OR c = $1::int", ("wanted", "owner")
    )
    assert Named.found.arguments({"wanted": 1}, {"owner": 2, "unused": 3}) == [1, 2]
    with pytest.raises(QueryError, match="no argument for owner: SELECT"):
        Named.found.arguments({"wanted": 1}, {})
    with pytest.raises(QueryError, match="the statement has no parameter wnted: SELECT"):
        Named.found.arguments({"wanted": 1, "wnted": 2}, {"owner": 2})


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("SELECT :wanted", "wrong.sql: block found: parameter :wanted has no cast, write :wanted::type"),
        ("SELECT $1::int", "wrong.sql: block found has numbered parameters: name them, or declare the field as str"),
        ("SELECT {yours}", "wrong.sql: block found names an unknown fragment: yours"),
    ],
)
def test_a_wrong_parameter_is_refused_at_load(folder: Path, body: str, fault: str) -> None:
    """A parameter without a type, a number among names and an unknown fragment are named with file and block."""
    (folder / "wrong.sql").write_text(f"-- name: found\n-- Find.\n{body}\n")
    with pytest.raises(QueryError) as caught:
        type("Wrong", (QueryFile,), {"__annotations__": {"found": Statement}}, file="wrong")
    assert str(caught.value) == fault


UP, DOWN = "-- migrate:up\nCREATE TABLE a ();\n", "-- migrate:down\nDROP TABLE a;\n"


def test_a_migration_has_a_version_a_name_and_two_directions() -> None:
    """The leading digits are the version, the rest is the name; each direction is the text below its mark."""
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
