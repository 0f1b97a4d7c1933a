"""The migration files: plain SQL in dbmate's format, shipped in the package `eunoe_sql`."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from eunoe_consumers.errors import ConfigurationError

_MARK = re.compile(r"^-- migrate:(up|down)((?: \S+)*)$", re.MULTILINE)


@dataclass(frozen=True)
class Migration:
    """One file of migrations: its version (leading digits), its name, and the statements of both directions."""

    version: str
    name: str
    up: str
    down: str
    transaction: bool

    @classmethod
    def parse(cls, file_name: str, text: str) -> "Migration":
        """Parse a migration file.

        Raises:
            ConfigurationError: If it does not hold one `-- migrate:up` and then one `-- migrate:down`.
        """
        parts = _MARK.split(text)  # the text before the first mark, then (direction, options, statements) of each mark
        if parts[1::3] != ["up", "down"]:
            raise ConfigurationError(f"{file_name}: expected one `-- migrate:up` and then one `-- migrate:down`")
        version, _, name = file_name.removesuffix(".sql").partition("_")
        return cls(version, name, parts[3], parts[6], transaction="transaction:false" not in parts[2] + parts[5])


@cache
def load_migrations() -> tuple[Migration, ...]:
    """Return every migration, in order."""
    folder = files("eunoe_sql").joinpath("migrations")
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(Migration.parse(file.name, file.read_text(encoding="utf-8")) for file in found)
