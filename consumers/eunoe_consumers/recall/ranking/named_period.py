"""The period that a query names, as search and ranking see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from eunoe_consumers.recall.dates import Period

_DAY = timedelta(days=1)
# People talk about a day from the day before it until a week after it. These days count less than the day itself, and
# the less, the further away they are.
_MARGIN_BEFORE, _MARGIN_AFTER = 1, 7
_SHARE_NEXT_DAY, _SHARE_LAST_DAY = 0.9, 0.6
# "In May" without a year is the latest May that has turns. Turns of another May count less.
_SHARE_OTHER_YEAR = 0.8
_YEARS_BACK = 30
# The query names nothing but the period: its turns come before all others.
_ONLY_INSIDE, _ONLY_AROUND = 8.0, 3.0

TimeSpan: TypeAlias = tuple[datetime, datetime]

_FIRST_MOMENT = datetime.min.replace(tzinfo=UTC) + 400 * _DAY
_LAST_MOMENT = datetime.max.replace(tzinfo=UTC) - 400 * _DAY


@dataclass(frozen=True)
class NamedPeriod:
    """The spans of time that a query may mean.

    Attributes:
        years: The half-open spans in UTC that the query names. If it names no year, the same spans of earlier years
            follow, each a year before the last.
        is_all: Whether the query names nothing else: "What did I tell you on 3 May?".
    """

    years: tuple[tuple[TimeSpan, ...], ...]
    is_all: bool = False

    @classmethod
    def of(cls, period: Period, *, is_all: bool = False) -> "NamedPeriod":
        """Return the spans of a period. A period without a beginning or an end reaches to the calendar's."""
        first = (_FIRST_MOMENT if period.start is None else period.start, period.end or _LAST_MOMENT)
        spans = [(_within_calendar(start), _within_calendar(end)) for start, end in (first, *period.others)]
        back = _YEARS_BACK if period.any_year and period.start and period.end else 0
        # A span that ends on 29 February lasts until the end of the 28th.
        years = [
            [(_years_before(start, year), _years_before(end, year, leap_day=_DAY)) for start, end in spans]
            for year in range(back + 1)
        ]
        # At the ends of the calendar a span may be empty.
        return cls(tuple(tuple(span for span in year if span[0] < span[1]) for year in years), is_all)

    @property
    def spans(self) -> tuple[TimeSpan, ...]:
        """All spans, the likely ones first."""
        return tuple(span for year in self.years for span in year)

    def shares(self, moments: Sequence[datetime]) -> list[float]:
        """Return how much of the part `date` each turn gets by its time: all of it inside the period, less around it.

        Args:
            moments: The times of all candidates, aware.
        """
        found = [self._nearest(moment) for moment in moments]
        meant = min((year for share, year in found if share == 1.0), default=None)
        return [self._share(share, is_meant=meant is None or year == meant) for share, year in found]

    def _share(self, share: float, *, is_meant: bool) -> float:
        if self.is_all:
            share *= _ONLY_INSIDE if share == 1.0 else _ONLY_AROUND
        return share if is_meant else share * _SHARE_OTHER_YEAR

    def _nearest(self, moment: datetime) -> tuple[float, int]:
        """Return the largest share that a span gives, and how many years back that is."""
        nearest = (0.0, 0)
        back = self.years[0][0][0].year - moment.year if len(self.years) > 1 and self.years[0] else 0
        for year in range(max(0, back - 1), min(len(self.years), back + 2)):
            for start, end in self.years[year]:
                share = _share_of(moment, start, end)
                if share > nearest[0]:
                    nearest = share, year
        return nearest


def _share_of(moment: datetime, start: datetime, end: datetime) -> float:
    """Return 1 inside a span, less on the days around it, 0 elsewhere."""
    if start <= moment < end:
        return 1.0
    if moment < start:
        return _SHARE_NEXT_DAY if start - moment <= _MARGIN_BEFORE * _DAY else 0.0
    days = (moment - end) // _DAY
    if days >= _MARGIN_AFTER:
        return 0.0
    return _SHARE_NEXT_DAY - (_SHARE_NEXT_DAY - _SHARE_LAST_DAY) * days / (_MARGIN_AFTER - 1)


def _within_calendar(moment: datetime) -> datetime:
    """Return a moment in UTC, with room for margins and other time zones at the ends of the calendar."""
    return min(max(moment, _FIRST_MOMENT), _LAST_MOMENT).astimezone(UTC)


def _years_before(moment: datetime, years: int, *, leap_day: timedelta = timedelta(0)) -> datetime:
    """Return a moment in an earlier year. 29 February becomes the 28th, plus `leap_day`, in a year without it."""
    if years == 0:
        return moment
    year = max(moment.year - years, _FIRST_MOMENT.year)
    try:
        return moment.replace(year=year)
    except ValueError:
        return moment.replace(year=year, day=28) + leap_day
