"""Load the SQL files of `eunoe_sql/queries` into typed classes, and refuse a file that does not fit its class.

A class for each file, next to the code that runs its statements:

    class TagQueries(QueryFile, file="memory_tags"):
        add_tags: Statement
        count_tags: Statement

A field declared as `Statement` has named parameters (`:tag::text`); a field declared as `str` has `$1`, `$2`, ...
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from eunoe_schema.errors import EunoeError

# Conditions that several statements share. `{name}` in a statement stands for the block of that name.
FRAGMENTS = "fragments"
_NAME = re.compile(r"^-- name: ([a-z_]+)$", re.MULTILINE)
_FRAGMENT = re.compile(r"\{([a-z_]+)\}")
# Only with its cast: `:name` alone could also be a slice, and PostgreSQL would have to guess the type.
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)(?=::)")
_WITHOUT_CAST = re.compile(r"(?<!:):([a-z_]+)")
_POSITION = re.compile(r"\$\d")


class QueryError(EunoeError):
    """A SQL file is wrong, or does not agree with its class or its caller."""


@dataclass(frozen=True)
class Statement:
    """A statement with named parameters.

    Attributes:
        sql: The text for the driver, with `$1`, `$2`, ... in place of the names.
        parameters: The names, in the order of these numbers.
    """

    sql: str
    parameters: tuple[str, ...]

    @classmethod
    def of(cls, text: str, *, source: str) -> "Statement":
        """Number the parameters of a statement.

        Raises:
            QueryError: If it has numbered parameters, or a named one without a cast.
        """
        if _POSITION.search(text):
            raise QueryError(f"{source} has numbered parameters: name them, or declare the field as str")
        numbers: dict[str, int] = {}
        sql = _PARAMETER.sub(lambda found: f"${numbers.setdefault(found[1], len(numbers) + 1)}", text)
        if wrong := _WITHOUT_CAST.search(sql):
            raise QueryError(f"{source}: parameter :{wrong[1]} has no cast, write :{wrong[1]}::type")
        return cls(sql, tuple(numbers))

    def arguments(self, given: Mapping[str, object], shared: Mapping[str, object]) -> list[object]:
        """Return the arguments in the order that the driver takes.

        Args:
            given: Arguments of this call. Each must be a parameter of the statement.
            shared: Arguments that a caller offers to every statement. A statement takes those that it names.

        Raises:
            QueryError: If an argument is missing or unknown.
        """
        if unknown := given.keys() - set(self.parameters):
            raise QueryError(f"the statement has no parameter {', '.join(sorted(unknown))}: {self.sql[:60]} ...")
        offered = {**shared, **given}
        if missing := set(self.parameters) - offered.keys():
            raise QueryError(f"no argument for {', '.join(sorted(missing))}: {self.sql[:60]} ...")
        return [offered[name] for name in self.parameters]


class QueryFile:
    """The statements of one SQL file, as class attributes. Defining a subclass checks it against its file."""

    file: str

    def __init_subclass__(cls, *, file: str) -> None:
        cls.file = file
        declared: dict[str, type] = cls.__annotations__
        blocks = parse(_read(file), source=f"{file}.sql")
        if wrong := declared.keys() ^ blocks.keys():
            raise QueryError(f"{file}.sql and the fields of {cls.__name__} differ: {', '.join(sorted(wrong))}")
        for name, text in blocks.items():
            source = f"{file}.sql: block {name}"
            expanded = _with_fragments(text, source=source)
            setattr(cls, name, Statement.of(expanded, source=source) if declared[name] is Statement else expanded)

    @classmethod
    def statements(cls) -> dict[str, str]:
        """Return the text of each statement for the driver, by the name of its block."""
        found = {name: getattr(cls, name) for name in cls.__annotations__}
        return {name: block.sql if isinstance(block, Statement) else block for name, block in found.items()}


def parse(text: str, *, source: str) -> dict[str, str]:
    """Split a SQL file into its named blocks.

    Raises:
        QueryError: If a block is empty, stands twice, or has no line of purpose.
    """
    parts = _NAME.split(text)
    if parts[0].strip():
        raise QueryError(f"{source}: text before the first `-- name:` line")
    blocks: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        lines = body.strip().splitlines()
        if not lines or not lines[0].startswith("-- "):
            raise QueryError(f"{source}: block {name} has no line of purpose")
        statement = "\n".join(line for line in lines if not line.startswith("--")).strip().rstrip(";")
        if not statement:
            raise QueryError(f"{source}: block {name} is empty")
        if name in blocks:
            raise QueryError(f"{source}: block {name} stands twice")
        blocks[name] = statement
    return blocks


def _read(file: str) -> str:
    path = files("eunoe_sql").joinpath("queries", f"{file}.sql")
    if not path.is_file():
        raise QueryError(f"there is no file {file}.sql")
    return path.read_text(encoding="utf-8")


@cache
def fragments() -> dict[str, str]:
    """Return the shared conditions by name."""
    return parse(_read(FRAGMENTS), source=f"{FRAGMENTS}.sql")


def _with_fragments(text: str, *, source: str) -> str:
    """Put the text of a fragment in place of its name. A fragment may name other fragments."""
    if unknown := set(_FRAGMENT.findall(text)) - fragments().keys():
        raise QueryError(f"{source} names an unknown fragment: {', '.join(sorted(unknown))}")
    return _FRAGMENT.sub(lambda found: _with_fragments(fragments()[found[1]], source=f"fragment {found[1]}"), text)
