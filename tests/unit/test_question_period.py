"""What a query is understood to ask: for whom, and for which time; at the ends of time and of any calendar."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eunoe_consumers.recall.query import understand

# A Tuesday.
NOW = datetime(2023, 11, 21, 10, tzinfo=UTC)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def is_told(query: str, moment: str | datetime, now: datetime = NOW) -> bool:
    """Tell whether what a query speaks of may be told at a moment."""
    is_within = understand(query, frozenset(), now)[1].is_within
    assert is_within is not None, "no period was found"
    return is_within(datetime.fromisoformat(moment).replace(tzinfo=UTC) if isinstance(moment, str) else moment)


def test_names_are_taken_out_and_the_question_keeps_them() -> None:
    """What is embedded is without the speaker's name; what is asked, who is named, and who speaks, is as it was."""
    speakers = frozenset({"Caroline", "Melanie"})
    text, question = understand("What did Caroline research?", speakers, NOW)
    assert "Caroline" not in text
    assert (question.text, question.named, question.speakers) == (
        "What did Caroline research?",
        frozenset({"Caroline"}),
        speakers,
    )
    assert question.is_within is None


def test_a_query_that_says_nothing_special_stays_as_it_is() -> None:
    """No name, no period."""
    text, question = understand("Where do I live?", frozenset({"Ada"}), NOW)
    assert (text, question.named, question.is_within) == ("Where do I live?", frozenset(), None)


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
def test_a_day_is_told_of_from_the_day_before_to_a_week_after(moment: str, within: bool) -> None:  # noqa: FBT001 - a column of the table
    """Half-open at both ends; the year that is named is the one."""
    assert is_told("What happened on 7 May 2023?", moment) is within


@pytest.mark.parametrize("year", [1, 1999, 2022, 2023, 2024, 9999])
def test_a_month_without_a_year_is_that_month_of_any_year(year: int) -> None:
    """Any past May may be meant; never a June."""
    assert is_told("What happened in May?", f"{year:04}-05-15")
    assert is_told("What happened in May?", f"{year:04}-04-30")
    assert is_told("What happened in May?", f"{year:04}-06-07")
    assert not is_told("What happened in May?", f"{year:04}-06-08")
    assert not is_told("What happened in May?", f"{year:04}-04-29")


@pytest.mark.parametrize("year", [2001, 2022, 2023])
def test_a_period_over_new_year_is_of_any_year(year: int) -> None:
    """December is told of in January; what begins in one year ends in the next."""
    assert is_told("What happened in December?", f"{year}-12-31")
    assert is_told("What happened in December?", f"{year}-01-07")
    assert not is_told("What happened in December?", f"{year}-01-09")
    assert is_told("What happened in January?", f"{year}-12-31")
    assert is_told("What did I do in the winter?", f"{year}-02-15")


@pytest.mark.parametrize("year", [2019, 2020, 2023, 2100])
def test_29_february_is_told_of_in_any_year(year: int) -> None:
    """Where there is none, on the day before."""
    assert is_told("What happened on February 29?", f"{year}-02-28T12:00")
    assert is_told("What happened on February 29?", f"{year}-03-01")
    assert not is_told("What happened on February 29?", f"{year}-04-01")


def test_a_margin_that_falls_on_29_february_is_the_28th_in_other_years() -> None:
    """March is told of from the day before it, in a leap year and in any other."""
    now = datetime(2024, 5, 1, tzinfo=UTC)
    for day in ("2024-02-29", "2023-02-28", "2020-02-29"):
        assert is_told("What happened in March?", day, now)
    for day in ("2024-02-28", "2023-02-27"):
        assert not is_told("What happened in March?", day, now)


def test_open_periods_have_one_end() -> None:
    """What is since a day has no last one, what is before it no first; the margin is at the end that there is."""
    assert is_told("What happened since 2020?", "9999-12-31T23:59")
    assert is_told("What happened since 2020?", "2019-12-31")
    assert not is_told("What happened since 2020?", "2019-12-30")
    assert is_told("What happened before 2020?", FIRST)
    assert is_told("What happened before 2020?", "2020-01-07")
    assert not is_told("What happened before 2020?", "2020-01-08")


def test_relative_periods_are_relative_to_the_question() -> None:
    """Not to this machine's clock."""
    assert is_told("What did I say yesterday?", "2023-11-20")
    assert not is_told("What did I say yesterday?", "2023-11-10")
    assert is_told("What did I say yesterday?", "2001-05-01", now=datetime(2001, 5, 2, tzinfo=UTC))


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
    """Return a moment about the first or the last day of all, in some time zone."""
    zone = timezone(timedelta(hours=draw(st.integers(-23, 23))))
    ends = [FIRST, datetime(1, 1, 1, 13, tzinfo=UTC), datetime(9999, 12, 24, 12, tzinfo=UTC), LAST]
    return draw(st.sampled_from(ends)).replace(tzinfo=zone)


@given(st.sampled_from(QUERIES), at_the_ends() | any_moment, st.datetimes(timezones=st.just(UTC)))
@example("at 0001-01-01T13:00", datetime(1, 1, 1, 13, tzinfo=timezone(timedelta(hours=-12))), NOW)
@example("an hour ago", datetime(1, 1, 1, 13, tzinfo=timezone(timedelta(hours=-12))), NOW)
def test_no_date_and_no_time_zone_raises(query: str, now: datetime, moment: datetime) -> None:
    """At the first and the last day of all, a day before is no error: it is the end of time."""
    is_within = understand(query, frozenset(), now)[1].is_within
    if is_within is not None:
        for told in (moment, FIRST, LAST, datetime(2024, 2, 29, tzinfo=UTC)):
            assert is_within(told) in {True, False}


@given(st.text(max_size=200), st.frozensets(st.text(max_size=20), max_size=5), any_moment)
def test_any_query_is_understood_somehow(query: str, speakers: frozenset[str], now: datetime) -> None:
    """There is always something left to search for."""
    text, question = understand(query, speakers, now)
    assert bool(text) == bool(query)
    assert question.text == query
    assert question.named <= speakers
