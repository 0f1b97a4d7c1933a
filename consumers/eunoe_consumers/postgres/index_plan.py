"""What has to be done for giant scopes to have their indexes, and nobody else: planned from what the database holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eunoe_consumers.postgres.giant_scopes import GiantScope


@dataclass(frozen=True)
class Survey:
    """What there is.

    Attributes:
        giants: Scopes that are beyond the limit or listed, the largest first.
        indexes: By name, of giant scopes of all tenants: whether it can be used. One that cannot is being built, or
            was not finished.
    """

    giants: Sequence[GiantScope]
    indexes: Mapping[str, bool]


@dataclass(frozen=True)
class Work:
    """What has to be done, in this order, for the list to be true and the indexes to be those needed.

    Attributes:
        unlist: Scopes whose index is gone, cannot be used, or is about to be dropped.
        drop: Names of indexes that cannot be used or serve nobody.
        enlist: Scopes whose index can be used and is not known yet: whoever built it was stopped right after.
        build: Scopes that need an index, the largest first.
    """

    unlist: list[GiantScope] = field(default_factory=list[GiantScope])
    drop: list[str] = field(default_factory=list[str])
    enlist: list[GiantScope] = field(default_factory=list[GiantScope])
    build: list[GiantScope] = field(default_factory=list[GiantScope])

    def __bool__(self) -> bool:
        return any((self.unlist, self.drop, self.enlist, self.build))


def plan(survey: Survey, scope_rows: int) -> Work:
    """Return what has to be done.

    A scope keeps its index down to half of `scope_rows`, so that one at the edge does not lose and gain it in turn.
    """
    work = Work()
    kept: set[str] = set()
    for giant in survey.giants:
        usable = survey.indexes.get(giant.index_name)
        beyond = giant.rows > scope_rows
        keep = bool(usable) and (beyond or (giant.listed_at is not None and giant.rows * 2 >= scope_rows))
        if keep:
            kept.add(giant.index_name)
        if giant.listed_at and not keep:
            work.unlist.append(giant)
        elif keep and not giant.listed_at:
            work.enlist.append(giant)
        if beyond and not keep:
            work.build.append(giant)
    work.drop.extend(sorted(survey.indexes.keys() - kept))
    return work
