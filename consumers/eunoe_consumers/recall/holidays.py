"""Holidays by name. Easter is the western one, Thanksgiving that of the United States."""

from datetime import datetime
from typing import Final

from dateutil.easter import easter
from dateutil.relativedelta import TH, relativedelta

from eunoe_consumers.recall.calendar_spans import DAY, Span

# Month, day and number of days.
_HOLIDAYS: Final = {
    "christmas eve": (12, 24, 1),
    "christmas day": (12, 25, 1),
    "boxing day": (12, 26, 1),
    "christmas": (12, 24, 3),
    "new years eve": (12, 31, 1),
    "new years day": (1, 1, 1),
    "new years": (1, 1, 2),
    "new year": (1, 1, 2),
    "valentines day": (2, 14, 1),
    "halloween": (10, 31, 1),
}
# Days after Easter Sunday, and their number.
_EASTER: Final = {"good friday": (-2, 1), "easter sunday": (0, 1), "easter monday": (1, 1), "easter": (-2, 4)}


def holiday_in(name: str, january: datetime) -> Span:
    """Return the days of a holiday in a year.

    Args:
        name: The name in lower case, without apostrophes.
        january: The first moment of the year.
    """
    if name in _EASTER:
        after, days = _EASTER[name]
        sunday = easter(january.year)
        start = january.replace(month=sunday.month, day=sunday.day) + after * DAY
    elif name == "thanksgiving":
        start, days = january.replace(month=11) + relativedelta(weekday=TH(4)), 1
    else:
        month, day, days = _HOLIDAYS[name]
        start = january.replace(month=month, day=day) - (DAY if name in {"new year", "new years"} else 0 * DAY)
    return Span(start, start + days * DAY)
