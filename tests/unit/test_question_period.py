"""The understanding of a query: its speakers, and the test of its period, up to the ends of the calendar."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eunoe_consumers.recall.query import understand

# A Tuesday.
NOW = datetime(2023, 11, 21, 10, tzinfo=UTC)
ONLY = 8.0  # the share of a turn in a period, if the query names nothing else
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def share_in_period(query: str, moment: str | datetime, now: datetime = NOW) -> float:
    """Return the share of the part `date` that a turn of a moment gets, if it is the only candidate."""
    period = understand(query, frozenset(), now)[1].period
    assert period is not None, "no period was found"
    (share,) = period.shares(
        [datetime.fromisoformat(moment).replace(tzinfo=UTC) if isinstance(moment, str) else moment]
    )
    return share


def is_within_period(query: str, moment: str | datetime, now: datetime = NOW) -> bool:
    """Return whether a moment is in the period of a query, or on a day around it."""
    return share_in_period(query, moment, now) > 0


def test_names_are_removed_from_the_text_only() -> None:
    """The text to embed lacks the name. The query for the ranking keeps text, named speakers and all speakers."""
    speakers = frozenset({"Caroline", "Melanie"})
    text, read = understand("What did Caroline research?", speakers, NOW)
    assert "Caroline" not in text
    assert (read.text, read.named, read.speakers) == (
        "What did Caroline research?",
        frozenset({"Caroline"}),
        speakers,
    )
    assert read.period is None


def test_a_query_without_names_and_dates_is_unchanged() -> None:
    """It names no speaker and no period."""
    text, read = understand("Where do I live?", frozenset({"Ada"}), NOW)
    assert (text, read.named, read.period) == ("Where do I live?", frozenset(), None)


@pytest.mark.parametrize(
    ("moment", "within"),
    [
        ("2023-05-05T23:59", False),
        ("2023-05-06T00:00", True),
        ("2023-05-07T12:00", True),
        ("2023-05-14T23:59", True),
        ("2023-05-15T00:00", False),
        ("2022-05-07T12:00", False),
    ],
)
def test_a_day_matches_from_the_day_before_to_a_week_after(moment: str, within: bool) -> None:  # noqa: FBT001 - a column of the table
    """People write about a day within that time. A query with a year matches that year only."""
    assert is_within_period("What happened on 7 May 2023?", moment) is within


@pytest.mark.parametrize("year", [1999, 2010, 2022, 2023])
def test_a_month_without_a_year_matches_any_year(year: int) -> None:
    """Any past May matches, and no June beyond the margin."""
    assert is_within_period("What happened in May?", f"{year:04}-05-15")
    assert is_within_period("What happened in May?", f"{year:04}-04-30")
    assert is_within_period("What happened in May?", f"{year:04}-06-07")
    assert not is_within_period("What happened in May?", f"{year:04}-06-08")
    assert not is_within_period("What happened in May?", f"{year:04}-04-29")


@pytest.mark.parametrize("year", [2001, 2021, 2022])
def test_a_period_over_new_year_matches_any_year(year: int) -> None:
    """The margin of December reaches into January, and winter into the next year."""
    assert is_within_period("What happened in December?", f"{year}-12-31")
    assert is_within_period("What happened in December?", f"{year}-01-07")
    assert not is_within_period("What happened in December?", f"{year}-01-09")
    assert is_within_period("What happened in January?", f"{year}-12-31")
    assert is_within_period("What did I do in the winter?", f"{year}-02-15")


@pytest.mark.parametrize("year", [2003, 2019, 2020])
def test_29_february_matches_any_year(year: int) -> None:
    """In a year without it, 28 February matches."""
    assert is_within_period("What happened on February 29?", f"{year}-02-28T12:00")
    assert is_within_period("What happened on February 29?", f"{year}-03-01")
    assert not is_within_period("What happened on February 29?", f"{year}-04-01")


def test_a_margin_on_29_february_is_the_28th_in_other_years() -> None:
    """The margin of March begins on the day before it, in leap years and in others."""
    now = datetime(2024, 5, 1, tzinfo=UTC)
    for day in ("2024-02-29", "2023-02-28", "2020-02-29"):
        assert is_within_period("What happened in March?", day, now)
    for day in ("2024-02-28", "2023-02-27"):
        assert not is_within_period("What happened in March?", day, now)


def test_an_open_period_has_one_end() -> None:
    """A period since a day has no end, and one before a day no start. The other side has its margin."""
    assert is_within_period("What happened since 2020?", "9998-01-01T23:59")
    assert is_within_period("What happened since 2020?", "2019-12-31")
    assert not is_within_period("What happened since 2020?", "2019-12-30")
    assert is_within_period("What happened before 2020?", "0003-01-01")
    assert is_within_period("What happened before 2020?", "2020-01-07")
    assert not is_within_period("What happened before 2020?", "2020-01-08")


def test_the_day_itself_comes_before_the_days_around_it() -> None:
    """The share falls with the distance."""
    days = ["2023-05-07", "2023-05-08", "2023-05-11", "2023-05-14", "2023-05-15"]
    shares = [share_in_period("What did I buy on 7 May 2023?", f"{day}T12:00") for day in days]
    assert shares[0] == 1
    assert shares == sorted(set(shares), reverse=True)
    assert 0 < share_in_period("What did I buy on 7 May 2023?", "2023-05-06T12:00") < 1


def test_the_latest_year_with_turns_is_meant() -> None:
    """Without a year, turns of other years count less, but only if that day of a later year has turns."""
    period = understand("What did I buy on 7 May?", frozenset(), NOW)[1].period
    assert period is not None
    moments = [datetime(year, 5, 7, 12, tzinfo=UTC) for year in (2023, 2022, 2010)]
    latest, *others = period.shares(moments)
    assert (latest, period.shares(moments[1:])[0]) == (1, 1)
    assert all(0 < share < 1 for share in others)


@pytest.mark.parametrize(
    ("query", "is_all"),
    [
        ("What did I tell you on 3 May?", True),
        ("Hi! Please show me everything that we talked about yesterday.", True),
        ("What did Anna say last week?", True),
        ("Summarise our conversation of 2023-05-03", True),
        ("What did I tell you about Rome on 3 May?", False),
        ("What did I eat yesterday?", False),
    ],
)
def test_a_query_may_name_nothing_but_a_period(query: str, is_all: bool) -> None:  # noqa: FBT001 - a table's column
    """The turns of such a period come before all others, however similar these are."""
    period = understand(query, frozenset({"Anna", "Ben"}), NOW)[1].period
    assert period is not None
    assert period.is_all is is_all
    inside, around = period.shares([period.spans[0][0], period.spans[0][1]])
    assert (inside - around > 5) is is_all


def test_relative_periods_are_relative_to_the_request() -> None:
    """The clock of the machine does not matter."""
    assert is_within_period("What did I say yesterday?", "2023-11-20")
    assert not is_within_period("What did I say yesterday?", "2023-11-10")
    assert is_within_period("What did I say yesterday?", "2001-05-01", now=datetime(2001, 5, 2, tzinfo=UTC))


QUERIES = [
    "at 0001-01-01T13:00",
    "on 0001-01-02",
    "before 0001-01-03",
    "since 9999-12-20",
    "on 9999-12-31",
    "on 9999-12-24T12:00",
    "an hour ago",
    "yesterday",
    "last week",
    "last year",
    "in the past 3 weeks",
    "in May",
    "on February 29",
    "in December",
    "on 31 December",
    "between May 3 and May 9",
]
any_moment = st.datetimes(timezones=st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours))))


@st.composite
def at_the_ends(draw: st.DrawFn) -> datetime:
    """Generate a moment near the first or the last day of the calendar, in any time zone."""
    zone = timezone(timedelta(hours=draw(st.integers(-23, 23))))
    ends = [FIRST, datetime(1, 1, 1, 13, tzinfo=UTC), datetime(9999, 12, 24, 12, tzinfo=UTC), LAST]
    return draw(st.sampled_from(ends)).replace(tzinfo=zone)


@given(st.sampled_from(QUERIES), at_the_ends() | any_moment, st.datetimes(timezones=st.just(UTC)))
@example("at 0001-01-01T13:00", datetime(1, 1, 1, 13, tzinfo=timezone(timedelta(hours=-12))), NOW)
@example("an hour ago", datetime(1, 1, 1, 13, tzinfo=timezone(timedelta(hours=-12))), NOW)
def test_no_date_and_no_time_zone_raises(query: str, now: datetime, moment: datetime) -> None:
    """A margin beyond the first or the last day of the calendar is cut off."""
    period = understand(query, frozenset(), now)[1].period
    if period is not None:
        written = (moment, FIRST, LAST, datetime(2024, 2, 29, tzinfo=UTC))
        assert all(0 <= share <= ONLY for share in period.shares(written))
        assert all(start < end and start.utcoffset() == timedelta(0) for start, end in period.spans)


@given(st.text(max_size=200), st.frozensets(st.text(max_size=20), max_size=5), any_moment)
def test_any_query_leaves_a_text_to_search_for(query: str, speakers: frozenset[str], now: datetime) -> None:
    """The text is empty only if the query is. Only speakers are named."""
    text, read = understand(query, speakers, now)
    assert bool(text) == bool(query)
    assert read.text == query
    assert read.named <= speakers
