"""Periods in a query: dates are understood, and text that resembles a date is not."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eunoe_consumers.recall.dates import Period, find_period

# A Tuesday.
NOW = datetime(2023, 11, 21, 10, 5, 30, tzinfo=UTC)


def moment_of(text: str) -> datetime | None:
    """Return a moment in UTC, or None for an open end."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("on 2023-05-07", "2023-05-07", "2023-05-08"),
        ("2023-05-07T10:30", "2023-05-07T10:30", "2023-05-07T10:31"),
        ("2023-05-07 10:30:15.5+02:00", "2023-05-07T08:30:15", "2023-05-07T08:30:16"),
        ("in 2023-05", "2023-05-01", "2023-06-01"),
        ("7 May 2023", "2023-05-07", "2023-05-08"),
        ("May 7th, 2023", "2023-05-07", "2023-05-08"),
        ("the 7th of may 2023", "2023-05-07", "2023-05-08"),
        ("Friday, 7 May", "2023-05-07", "2023-05-08"),
        ("on Sept. 7", "2023-09-07", "2023-09-08"),
        ("7.5.2023", "2023-05-07", "2023-05-08"),
        ("5/7/2023", "2023-05-07", "2023-05-08"),
        ("13/5/2023", "2023-05-13", "2023-05-14"),
        ("5/13/23", "2023-05-13", "2023-05-14"),
        ("25-12-2022", "2022-12-25", "2022-12-26"),
        ("2023/5/7", "2023-05-07", "2023-05-08"),
        ("in May 2022", "2022-05-01", "2022-06-01"),
        ("in early May", "2023-05-01", "2023-05-13"),
        ("in mid-May", "2023-05-10", "2023-05-23"),
        ("at the end of May", "2023-05-20", "2023-06-01"),
        ("at the beginning of February 2022", "2022-02-01", "2022-02-12"),
        ("throughout June", "2023-06-01", "2023-07-01"),
        ("in the first week of May", "2023-05-01", "2023-05-08"),
        ("in the last week of May 2022", "2022-05-25", "2022-06-01"),
        ("in the second half of 2022", "2022-07-01", "2023-01-01"),
        ("in Q2 2022", "2022-04-01", "2022-07-01"),
        ("in the first half of last year", "2022-01-01", "2022-07-01"),
        ("in the last year", "2022-11-21", "2023-11-22"),
        ("on 3.5.23", "2023-05-03", "2023-05-04"),
        ("on the first of May", "2023-05-01", "2023-05-02"),
        ("on the twenty-first of May 2022", "2022-05-21", "2022-05-22"),
        ("between the 3rd and the 7th of May", "2023-05-03", "2023-05-08"),
        ("in 2022", "2022-01-01", "2023-01-01"),
        ("in 2019-2021", "2019-01-01", "2022-01-01"),
        ("summer of 2022", "2022-06-01", "2022-09-01"),
        ("winter 2022", "2022-12-01", "2023-03-01"),
        ("May 3-9", "2023-05-03", "2023-05-10"),
        ("between 3 and 9 May 2022", "2022-05-03", "2022-05-10"),
        ("28 to 3 May", "2023-04-28", "2023-05-04"),
    ],
)
def test_dates_are_read(query: str, start: str, end: str) -> None:
    """Days, months, seasons and years. With dots the day comes first, with slashes the month."""
    assert _times(find_period(f"What happened {query}?", NOW)) == (moment_of(start), moment_of(end))


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("in May", "2023-05-01", "2023-06-01"),
        ("in November", "2023-11-01", "2023-12-01"),
        ("in December", "2022-12-01", "2023-01-01"),
        ("on 21 November", "2023-11-21", "2023-11-22"),
        ("on 22 November", "2022-11-22", "2022-11-23"),
        ("on February 29", "2020-02-29", "2020-03-01"),
        ("on Tuesday", "2023-11-21", "2023-11-22"),
        ("on Friday", "2023-11-17", "2023-11-18"),
        ("in the summer", "2023-06-01", "2023-09-01"),
        ("at the weekend", "2023-11-18", "2023-11-20"),
    ],
)
def test_a_date_without_a_year_is_the_latest_one(query: str, start: str, end: str) -> None:
    """Turns are of the past: a day, weekday, month or season never lies in the future."""
    assert _times(find_period(query, NOW)) == (moment_of(start), moment_of(end))


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("yesterday", "2023-11-20", "2023-11-21"),
        ("today", "2023-11-21", "2023-11-22"),
        ("the day before yesterday", "2023-11-19", "2023-11-20"),
        ("last night", "2023-11-20T18:00", "2023-11-21T06:00"),
        ("this week", "2023-11-20", "2023-11-27"),
        ("last week", "2023-11-13", "2023-11-20"),
        ("last month", "2023-10-01", "2023-11-01"),
        ("last year", "2022-01-01", "2023-01-01"),
        ("last weekend", "2023-11-18", "2023-11-20"),
        ("last Tuesday", "2023-11-14", "2023-11-15"),
        ("last November", "2022-11-01", "2022-12-01"),
        ("last May", "2023-05-01", "2023-06-01"),
        ("last summer", "2023-06-01", "2023-09-01"),
        ("last autumn", "2022-09-01", "2022-12-01"),
        ("this fall", "2023-09-01", "2023-12-01"),
        ("this past Friday", "2023-11-17", "2023-11-18"),
        ("two weeks ago", "2023-11-06", "2023-11-13"),
        ("3 days ago", "2023-11-18", "2023-11-19"),
        ("a month ago", "2023-10-01", "2023-11-01"),
        ("a few days ago", "2023-11-16", "2023-11-20"),
        ("an hour ago", "2023-11-21T09:00", "2023-11-21T10:00"),
        ("5 minutes ago", "2023-11-21T10:00", "2023-11-21T10:01"),
        ("in the last 3 days", "2023-11-18", "2023-11-22"),
        ("over the past week", "2023-11-14", "2023-11-22"),
        ("in the past 2 hours", "2023-11-21T08:05:30", "2023-11-21T10:05:30"),
    ],
)
def test_relative_periods_follow_the_calendar(query: str, start: str, end: str) -> None:
    """Last week is Monday to Monday, two weeks ago a whole week, and last autumn not the current one."""
    assert _times(find_period(f"{query} we spoke", NOW)) == (moment_of(start), moment_of(end))


def test_winter_spans_two_years() -> None:
    """In January, this winter began last year, and last winter the year before that."""
    january = NOW.replace(year=2024, month=1)
    assert _times(find_period("this winter", january)) == (moment_of("2023-12-01"), moment_of("2024-03-01"))
    assert _times(find_period("last winter", january)) == (moment_of("2022-12-01"), moment_of("2023-03-01"))


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("since March", "2023-03-01", ""),
        ("since 7 May 2022", "2022-05-07", ""),
        ("after 7 May", "2023-05-08", ""),
        ("before 7 May", "", "2023-05-07"),
        ("until yesterday", "", "2023-11-21"),
        ("by the end of 2022", "", "2023-01-01"),
        ("up to May 2022", "", "2022-06-01"),
        ("before last summer", "", "2023-06-01"),
    ],
)
def test_a_period_may_be_open(query: str, start: str, end: str) -> None:
    """A period with "since" or "until" includes the named time. One with "after" or "before" does not."""
    assert _times(find_period(query, NOW)) == (moment_of(start), moment_of(end))


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("between May 3 and May 9", "2023-05-03", "2023-05-10"),
        ("from May 3 to 5 June", "2023-05-03", "2023-06-06"),
        ("from May to July 2022", "2022-05-01", "2022-08-01"),
        ("from may until july", "2023-05-01", "2023-08-01"),
        ("between December and February", "2022-12-01", "2023-03-01"),
        ("from Dec 2021 to February", "2021-12-01", "2022-03-01"),
        ("between 2019 and 2021", "2019-01-01", "2022-01-01"),
        ("from Monday to Wednesday", "2023-11-13", "2023-11-16"),
        ("2023-05-07 to 2023-05-09", "2023-05-07", "2023-05-10"),
        ("after May 3 and before May 9", "2023-05-04", "2023-05-09"),
        ("from 2022 to 2019", "2019-01-01", "2023-01-01"),
        ("from 2019 to May", "2019-01-01", "2023-06-01"),
        ("last week, and I said in May", "2023-11-13", "2023-11-20"),
    ],
)
def test_two_joined_dates_are_one_period(query: str, start: str, end: str) -> None:
    """From the first to the last, in either order. A missing year is the nearest one. Later dates are ignored."""
    assert _times(find_period(query, NOW)) == (moment_of(start), moment_of(end))


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("May last year", "2022-05-01", "2022-06-01"),
        ("May of last year", "2022-05-01", "2022-06-01"),
        ("last year in May", "2022-05-01", "2022-06-01"),
        ("in May two years ago", "2021-05-01", "2021-06-01"),
        ("on 3 May the year before last", "2021-05-03", "2021-05-04"),
        ("in May this year", "2023-05-01", "2023-06-01"),
        ("in the summer of last year", "2022-06-01", "2022-09-01"),
        ("two years ago at Christmas", "2021-12-24", "2021-12-27"),
        ("the weekend before last", "2023-11-11", "2023-11-13"),
        ("two weekends ago", "2023-11-11", "2023-11-13"),
        ("the week before last", "2023-11-06", "2023-11-13"),
        ("on the Tuesday before last", "2023-11-07", "2023-11-08"),
        ("two Mondays ago", "2023-11-13", "2023-11-14"),
        ("a fortnight ago", "2023-11-06", "2023-11-13"),
        ("half a year ago", "2023-05-01", "2023-06-01"),
        ("two or three weeks ago", "2023-10-30", "2023-11-13"),
        ("a week ago yesterday", "2023-11-13", "2023-11-14"),
        ("a week last Monday", "2023-11-13", "2023-11-14"),
        ("the last Friday in May", "2023-05-26", "2023-05-27"),
        ("in H1 2022", "2022-01-01", "2022-07-01"),
        ("May-June 2022", "2022-05-01", "2022-07-01"),
        ("3 May '22", "2022-05-03", "2022-05-04"),
        ("on 3, 4 and 5 May", "2023-05-03", "2023-05-06"),
        ("this weekend", "2023-11-18", "2023-11-20"),
        ("from 3 May onwards", "2023-05-03", ""),
        ("a year ago today", "2022-11-21", "2022-11-22"),
        ("on the 3rd", "2023-11-03", "2023-11-04"),
        ("on the 30th of last month", "2023-10-30", "2023-10-31"),
        ("at Christmas", "2022-12-24", "2022-12-27"),
        ("on New Year's Eve", "2022-12-31", "2023-01-01"),
        ("on New Year\u2019s Eve 2021", "2021-12-31", "2022-01-01"),
        ("over Easter", "2023-04-07", "2023-04-11"),
        ("on Thanksgiving last year", "2022-11-24", "2022-11-25"),
        ("three days before Christmas", "2022-12-21", "2022-12-22"),
        ("the week after 3 May", "2023-05-04", "2023-05-11"),
        ("the Monday before Easter", "2023-04-03", "2023-04-04"),
        ("two weeks before 20 May", "2023-05-03", "2023-05-10"),
    ],
)
def test_years_holidays_and_distances_are_words(query: str, start: str, end: str) -> None:
    """A wrong year is worse than none, and "the week before" a day is a week, not all time before it."""
    assert _times(find_period(f"What did we plan {query}?", NOW)) == (moment_of(start), moment_of(end))


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("Was habe ich dir am 3. Mai gesagt?", "2023-05-03", "2023-05-04"),
        ("Was war vom 3. bis 7. Mai 2022?", "2022-05-03", "2022-05-08"),
        ("Was habe ich letzte Woche gesagt?", "2023-11-13", "2023-11-20"),
        ("Und seit dem 3. März?", "2023-03-03", ""),
        ("Was sagte ich am 3.5.?", "2023-05-03", "2023-05-04"),
        ("Was sagte ich am 3. 5.?", "2023-05-03", "2023-05-04"),
        ("Worüber haben wir vor zwei Wochen geredet?", "2023-11-06", "2023-11-13"),
        ("Qu'est-ce que je t'ai dit hier ?", "2023-11-20", "2023-11-21"),
        ("Qu'ai-je dit le 1er mai ?", "2023-05-01", "2023-05-02"),
        ("Et la semaine dernière ?", "2023-11-13", "2023-11-20"),
        ("\u00bfQué te dije el 3 de mayo de 2022?", "2022-05-03", "2022-05-04"),
        ("\u00bfDe qué hablamos hace dos meses?", "2023-09-01", "2023-10-01"),
        ("Cosa ho detto ieri?", "2023-11-20", "2023-11-21"),
        ("Wat zei ik vorige week?", "2023-11-13", "2023-11-20"),
        ("昨天我说了什么?", "2023-11-20", "2023-11-21"),
        ("5月3日に何を話しましたか", "2023-05-03", "2023-05-04"),
        ("что я сказал вчера", "2023-11-20", "2023-11-21"),
    ],
)
def test_common_words_of_other_languages_are_read(query: str, start: str, end: str) -> None:
    """Month names, yesterday, last week and the like."""
    assert _times(find_period(query, NOW)) == (moment_of(start), moment_of(end))


def test_several_periods_are_all_meant() -> None:
    """Two days are two days, a date with slashes has two readings, and a text full of dates names none."""

    def spans(query: str) -> list[str]:
        period = find_period(query, NOW)
        assert period is not None
        assert period.start is not None
        return [f"{start:%d.%m.%y}" for start in (period.start, *(other.start for other in period.others))]

    assert spans("on 3 May and on 9 June") == ["03.05.23", "09.06.23"]
    assert spans("on 3 May 2022 or yesterday?") == ["03.05.22", "20.11.23"]
    assert spans("on 3/5/2023") == ["05.03.23", "03.05.23"]
    assert spans("on 13/5/2023") == ["13.05.23"]
    assert find_period("1 May 2023: a, 3 May 2023: b, 7 May 2023: c, 9 Jun 2023: d", NOW) is None


@pytest.mark.parametrize(
    "query",
    [
        "Was steht hier?",
        "Does it run on Python 3.11.12?",
        "on 3.11.99",
        "on the 3rd floor",
        "1.5 years ago",
        "in the run-up to Christmas",
        "a mars bar in mars",
        "What do I want for Christmas, and what is a Christmas tree?",
        "next Christmas",
        "this Christmas",
        "What may this year bring?",
        "the first week",
        "is Q3 answered?",
        "May I ask",
        "you may 3 times",
        "this may be",
        "What did May say?",
        "a letter from May",
        "in May's room",
        "march on",
        "march 5 miles",
        "in 5 minutes",
        "version 2.3.1",
        "version 2.3.2011",
        "address 10.0.0.2023",
        "room 2023",
        "in room 2023",
        "$2023 and 2023",
        "in 2023 steps",
        "between 1950 and 2000 people",
        "a total of 2000",
        "call 2023-05-07-33",
        "the second time, a second",
        "the last time",
        "the last week of school",
        "next week, next Friday, next January",
        "every January and on Fridays",
        "spring water",
        "31 June and 29.2.2023",
        "5-7-2023",
        "1/2/3",
        "9999 years ago",
        "",
    ],
)
def test_text_that_resembles_a_date_is_no_period(query: str) -> None:
    """Verbs, people, amounts, versions, rooms, habits, plans, and days that do not exist."""
    assert find_period(query, NOW) is None


@pytest.mark.parametrize("query", ["Was war am {} los?", "在{}说了什么", "что было {}", "{}に何を"])
@pytest.mark.parametrize("date", ["2023-05-07", "7.5.2023", "2023/05/07"])
def test_digits_are_read_in_any_language(query: str, date: str) -> None:
    """ISO and numeric dates need neither English words nor white space around them."""
    assert _times(find_period(query.format(date), NOW)) == (moment_of("2023-05-07"), moment_of("2023-05-08"))


def test_a_period_has_its_words() -> None:
    """The words of a period, with the words that lead to it, are returned as written."""
    period = find_period("İs it so that,\n since  Early May we ...", NOW)
    assert period == Period(datetime(2023, 5, 1, tzinfo=UTC), None, "since Early May", any_year=True)


@pytest.mark.parametrize(
    ("query", "any_year"),
    [
        ("in May", True),
        ("on 7 May", True),
        ("in the summer", True),
        ("between May 3 and May 9", True),
        ("in May 2023", False),
        ("from May to July 2023", False),
        ("summer of 2022", False),
        ("last May", False),
        ("on Friday", False),
        ("from May until yesterday", False),
    ],
)
def test_a_period_without_a_year_matches_any_year(query: str, any_year: bool) -> None:  # noqa: FBT001 - a table's column
    """Only if neither the words nor the time of the request fix the year."""
    period = find_period(query, NOW)
    assert period is not None
    assert period.any_year is any_year


def test_days_begin_in_the_time_zone_of_the_request() -> None:
    """Days are of the request's time zone. A naive time is UTC. On the day the clocks change, a day has 23 hours."""
    berlin = ZoneInfo("Europe/Berlin")
    period = find_period("yesterday", datetime(2023, 3, 27, 0, 30, tzinfo=berlin))
    assert period is not None
    assert period.start == datetime(2023, 3, 25, 23, tzinfo=UTC)
    assert period.end == datetime(2023, 3, 26, 22, tzinfo=UTC)
    assert find_period("yesterday", NOW.replace(tzinfo=None)) == find_period("yesterday", NOW)


zones = st.just(UTC) | st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes() | st.datetimes(timezones=zones)
WORDS = """
    end throughout Christmas Easter fortnight hier gestern 3. Mai q2 first half weekend two year 3.5.23 3/5/2023 29th
    may May march in on since before after last this the and to until between from 3 7th 31 2023 9999 0001 -
    2023-05-07 7.5.2023 summer winter Friday weekend week days ago a few yesterday February 29 , 13/13/2023 0/0/00
    2023-05-07T24:00 2023-05-07T10:30+23:59 9999-12-31 0000-00
"""
queries = st.text() | st.lists(st.sampled_from(WORDS.split()), max_size=12).map(" ".join)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
FROM, TO = datetime.fromisoformat("1950-01-01"), datetime.fromisoformat("2100-01-01")


@given(queries, moments)
@settings(deadline=None)
@example("today and last winter", LAST)
@example("yesterday until last week", FIRST)
@example("May 3 9999 and June", NOW)
def test_no_query_and_no_time_raises(query: str, now: datetime) -> None:
    """A period is aware, has words, is not empty, and does not end before its start."""
    period = find_period(query, now)
    if period is None:
        return
    assert period.text
    assert (period.start or period.end) is not None
    assert all(moment is None or moment.utcoffset() is not None for moment in (period.start, period.end))
    if period.start and period.end and not period.text.startswith(("after", "After")):
        assert period.start < period.end


@given(queries, st.datetimes(FROM, TO, timezones=zones))
@settings(deadline=None)
def test_the_words_of_a_period_give_the_same_period(query: str, now: datetime) -> None:
    """The returned words are complete: reading them alone gives the same period."""
    period = find_period(query, now)
    assert period is None or _times(find_period(period.text, now)) == _times(period)


def _times(period: Period | None) -> tuple[datetime | None, datetime | None] | None:
    return period and (period.start, period.end)
