"""What a query asks for, understood without a model: who is named, and which time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from eunoe_consumers.recall.query_understanding.names import strip_names
from eunoe_consumers.recall.query_understanding.periods import Period, find_period
from eunoe_consumers.recall.ranking.fusion import RankingQuery

# What happened on a day is told from the day before to a week after it.
_BEFORE, _AFTER = timedelta(days=1), timedelta(days=7)
_BEGINNING, _END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def understand(query: str, speakers: frozenset[str], asked_at: datetime) -> tuple[str, RankingQuery]:
    """Return the text to search for, names left out, and what is known of the question."""
    stripped = strip_names(query, speakers)
    period = find_period(query, asked_at)
    return stripped.text, RankingQuery(
        text=query,
        speakers=speakers,
        named=frozenset(stripped.named),
        is_within=None if period is None else _test(period),
    )


def _test(period: Period) -> Callable[[datetime], bool]:
    """Return whether a moment is when people would tell of a period; in any year, where it names none."""
    start = _BEGINNING if period.start is None else _within_time(period.start) - _BEFORE
    end = _END if period.end is None else _within_time(period.end) + _AFTER

    def is_within(moment: datetime) -> bool:
        if not period.any_year or period.start is None or period.end is None:
            return start <= moment < end
        first = moment.year - period.start.year
        return any(_in_year(start, by) <= moment < _in_year(end, by) for by in (first - 1, first, first + 1))

    return is_within


def _within_time(moment: datetime) -> datetime:
    """Return a moment in UTC, moved off the ends of time so far that days can be added and taken off."""
    return min(max(moment, _BEGINNING + _BEFORE), _END - _AFTER).astimezone(UTC)


def _in_year(moment: datetime, by: int) -> datetime:
    """Return a moment some years later, or earlier; 29 February becomes the day before where there is none."""
    year = min(max(moment.year + by, _BEGINNING.year), _END.year)
    try:
        return moment.replace(year=year)
    except ValueError:
        return moment.replace(year=year, day=28)
