"""Plan the work on the indexes of giant scopes: which to build, to drop, to list and to unlist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eunoe_consumers.postgres.giants.scopes import GiantScope


@dataclass(frozen=True)
class Survey:
    """The giant scopes and the indexes that a database has now.

    Attributes:
        giants: The scopes above the limit and the listed ones, the largest first.
        indexes: The indexes of giant scopes of all tenants by name, and whether each is usable. An unusable index is
            being built, or its build was cut short.
    """

    giants: Sequence[GiantScope]
    indexes: Mapping[str, bool]


@dataclass(frozen=True)
class Work:
    """The steps that make the list true and the indexes complete, in this order.

    Attributes:
        unlist: Scopes whose index is missing, unusable or about to be dropped.
        drop: Names of indexes that are unusable or serve no scope.
        enlist: Scopes with a usable index that are not listed, because its builder was stopped right after the build.
        build: Scopes that need an index, the largest first.
    """

    unlist: list[GiantScope] = field(default_factory=list[GiantScope])
    drop: list[str] = field(default_factory=list[str])
    enlist: list[GiantScope] = field(default_factory=list[GiantScope])
    build: list[GiantScope] = field(default_factory=list[GiantScope])

    def __bool__(self) -> bool:
        return any((self.unlist, self.drop, self.enlist, self.build))


def plan(survey: Survey, scope_rows: int) -> Work:
    """Return the work for a limit of `scope_rows` turns.

    A scope keeps its index down to half of the limit. Otherwise a scope at the limit would lose and gain it in turn.
    """
    work = Work()
    kept: set[str] = set()
    for giant in survey.giants:
        usable = survey.indexes.get(giant.index_name)
        above = giant.rows > scope_rows
        keep = bool(usable) and (above or (giant.listed_at is not None and giant.rows * 2 >= scope_rows))
        if keep:
            kept.add(giant.index_name)
        if giant.listed_at and not keep:
            work.unlist.append(giant)
        elif keep and not giant.listed_at:
            work.enlist.append(giant)
        if above and not keep:
            work.build.append(giant)
    work.drop.extend(sorted(survey.indexes.keys() - kept))
    return work
