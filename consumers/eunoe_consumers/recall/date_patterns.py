"""The patterns of expressions of time in a query, in lower case and in English."""

import re

from eunoe_consumers.recall.spans import Kind

MONTHS = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
WEEKDAYS = "(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
SEASONS = "(?:spring|summer|autumn|fall|winter)"
_UNITS = "(?:minute|hour|day|week|month|year)"
NUMBERS = (
    "(?:[0-9]{1,4}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    "|(?:a )?couple(?: of)?|(?:a )?few|several)"
)
DAY = "(?:0?[1-9]|[12][0-9]|3[01])(?:st|[nr]d|th)?"
_YEAR = "(?:19|20)[0-9]{2}"
_TO = r" ?(?:-|\u2013|\u2014|\bto\b|\band\b|\buntil\b|\btill\b|\bthrough\b|\bor\b) ?"
_YEAR_WORDS = (
    rf"(?:,? (?:of |in )?(?:the year before last|{NUMBERS} years? ago"
    r"|(?:last|this|the (?:last|past|previous)) year)\b)"
)
_OF_YEAR = f"(?:,? (?:of )?[0-9]{{4}}|{_YEAR_WORDS})"
HOLIDAYS = (
    "(?:christmas(?: eve| day)?|boxing day|new year['\u2019]?s(?: eve| day)?|new year"
    "|valentine['\u2019]?s day|halloween|good friday|easter(?: sunday| monday)?|thanksgiving)"
)
_ORDINALS = "(?:first|second|third|fourth|1st|2nd|3rd|4th|last)"
_WEEKDAY_OF = rf"(?:(?:{WEEKDAYS}|(?:mon|tues?|wed|thu(?:rs)?|fri|sat|sun)\b\.?),? (?:the )?)?"
_DAYS = rf"{DAY}(?:, (?:the )?{DAY}){{0,4}}(?:,?{_TO}(?:the )?{DAY})?"
# Letters that continue a word. Letters of other scripts may stand directly beside a date: Chinese has no spaces.
_LETTERS = r"0-9a-z_\u00df-\u024f\u0400-\u04ff"
# Digits in longer numbers, amounts and file names are no dates.
_ALONE = r"(?<![.,:/$\u20ac\u00a3#+-])"
_END = rf"(?![{_LETTERS}/%-]|[.,:][0-9])"
_TIME = r"[t ][0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?(?:z|[+-][0-2][0-9]:?[0-5][0-9])?"
_PATTERNS = {
    Kind.ISO: rf"{_ALONE}[0-9]{{4}}-[01][0-9](?:-[0-3][0-9](?:{_TIME})?)?{_END}",
    Kind.NUMERIC: rf"{_ALONE}(?:[0-9]{{4}}/[0-9]{{1,2}}/[0-9]{{1,2}}|[0-9]{{1,2}}\.[0-9]{{1,2}}\.[0-9]{{4}}"
    rf"|[0-9]{{1,2}}/[0-9]{{1,2}}/(?:[0-9]{{4}}|[0-9]{{2}})|[0-9]{{1,2}}-[0-9]{{1,2}}-[0-9]{{4}}"
    rf"|[0-9]{{1,2}}\.[0-9]{{1,2}}\.[0-9]{{2}}){_END}",
    Kind.PART_OF: rf"\b(?:the )?{_ORDINALS} (?:few )?(?:weekend|week|half|quarter|days?|{WEEKDAYS}) (?:of|in) "
    rf"(?:{MONTHS}\b\.?{_OF_YEAR}?|{_YEAR}{_END}|(?:last|this) (?:month|year)\b)",
    Kind.QUARTER: rf"\bq[1-4](?:{_OF_YEAR}|/{_YEAR})?{_END}",
    # A second day with a month of its own is the next date: "May 3 and 5 June".
    Kind.DATE: rf"(?<![.$\u20ac\u00a3#+-]){_WEEKDAY_OF}"
    rf"(?:{_DAYS}(?: of)? {MONTHS}\b\.?{_OF_YEAR}?"
    rf"|{MONTHS}\.? (?:the )?{DAY}(?:, {DAY}(?! (?:of )?{MONTHS}\b)(?!, [0-9])){{0,4}}"
    rf"(?:{_TO}{DAY}(?! (?:of )?{MONTHS}\b))?\b{_OF_YEAR}?){_END}",
    Kind.DAY_OF_MONTH: r"\bthe [0-9]{1,2}(?:st|[nr]d|th)(?: of (?:this|last) month\b|(?= ?[.,;:?!)]| ?$))",
    Kind.MONTH_OF_YEAR: rf"\b{MONTHS}\.?,?(?: (?:of )?{_YEAR}{_END}|{_YEAR_WORDS})",
    Kind.AGO: rf"(?<![.,])\b{NUMBERS}(?: ?(?:-|\u2013|to|or) ?{NUMBERS})? (?:{_UNITS}|weekend|{WEEKDAYS}|{SEASONS})s?"
    r" ago\b"
    rf"(?: (?:today|yesterday|on {WEEKDAYS})\b)?",
    Kind.BEFORE_LAST: rf"\b(?:the )?(?:week|month|year|weekend|{WEEKDAYS}|{MONTHS}|{SEASONS}) before last\b",
    Kind.HOLIDAY: rf"\b(?:(?:last|this|past) )?{HOLIDAYS}\b(?:{_OF_YEAR})?",
    Kind.ROLLING: rf"\b(?:(?:last|past|previous) {NUMBERS} {_UNITS}s?|(?:the last|past) (?:week|month|year))\b"
    r"(?! of\b)",
    Kind.RELATIVE: r"\b(?:last|past|previous|this|this past)"
    rf" (?:week|month|year|weekend|{WEEKDAYS}|{MONTHS}|{SEASONS})\b(?! of\b| in {MONTHS}\b)",
    Kind.WEEKEND: r"\b(?:the|on|at|over) weekend\b",
    Kind.DAY: r"\b(?:the (?:night|evening) before last|the day before yesterday"
    r"|yesterday|today|tonight|last night|this (?:morning|afternoon|evening))\b",
    Kind.SEASON: rf"\b{SEASONS}(?: (?:of )?{_YEAR}{_END}|{_YEAR_WORDS})?\b",
    Kind.WEEKDAY: rf"\b{WEEKDAYS}\b",
    Kind.MONTH: rf"\b{MONTHS}\b",
    Kind.YEAR: rf"(?:{_ALONE}|(?<=mid-)){_YEAR}(?: ?[-\u2013\u2014] ?{_YEAR})?{_END}",
}
EXPRESSION = re.compile(
    rf"(?<![{_LETTERS}])(?:" + "|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _PATTERNS.items()) + ")"
)
# A first test, ten times as fast as `EXPRESSION`: most queries name no time.
MAY_NAME_TIME = re.compile(
    rf"[0-9]{{4}}|[0-9][/.][0-9]|ago\b|yesterday|today|tonight|\b(?:last|this|past|previous|weekend)\b|{WEEKDAYS}"
    rf"|\b{MONTHS}\b|\b{SEASONS}\b|\bq[1-4]\b|the [0-9]|{HOLIDAYS}"
)
