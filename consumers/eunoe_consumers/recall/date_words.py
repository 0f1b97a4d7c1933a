"""Rewrite words for times to the few English forms that `dates.py` reads: other languages, ordinals, "fortnight".

The tables hold what people write in chats in German, French, Spanish, Italian, Portuguese, Dutch, Chinese and Japanese.
An expression that is missing here names no period, and costs nothing.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from eunoe_consumers.recall.words import word_set

_MONTHS: Final = {
    "January": "januar jänner janvier enero gennaio janeiro januari",
    "February": "februar feber février fevrier febrero febbraio fevereiro februari",
    "March": "märz maerz mars marzo março maart",
    "April": "april avril abril aprile",
    "May": "mai mayo maggio maio mei",
    "June": "juni juin junio giugno junho",
    "July": "juli juillet julio luglio julho",
    "August": "august août aout agosto augustus",
    "September": "september septembre septiembre settembre setembro",
    "October": "oktober octobre octubre ottobre outubro",
    "November": "november novembre noviembre novembro",
    "December": "dezember décembre decembre diciembre dicembre dezembro december",
}
_WEEKDAYS: Final = {
    "Monday": "montag lundi lunes lunedì maandag",
    "Tuesday": "dienstag mardi martes martedì dinsdag",
    "Wednesday": "mittwoch mercredi miércoles mercoledì woensdag",
    "Thursday": "donnerstag jeudi jueves giovedì donderdag",
    "Friday": "freitag vendredi viernes venerdì vrijdag",
    "Saturday": "samstag sonnabend samedi sábado sabato zaterdag",
    "Sunday": "sonntag dimanche domingo domenica zondag",
}
_UNITS: Final = {
    "day": "tag tage tagen jour jours día días dia dias giorno giorni dag dagen",
    "week": "woche wochen semaine semaines semana semanas settimana settimane week weken",
    "month": "monat monate monaten mois mes meses mese mesi mês maand maanden",
    "year": "jahr jahre jahren an ans année años año anno anni ano anos jaar",
    "weekend": "wochenende wochenenden week-end finde",
}
_NUMBERS: Final = {
    "one": "einem einer eine un une una uno um uma een",
    "two": "zwei deux dos due dois duas twee",
    "three": "drei trois tres tre três drie",
    "four": "vier quatre cuatro quattro quatro",
    "five": "fünf cinq cinco cinque vijf",
    "six": "sechs seis sei zes",
    "a few": "ein_paar einigen quelques unos unas algunos alguns",
}
# Longer phrases come before the phrases that they contain.
_PHRASES: Final = {
    "last night": "gestern abend|letzte nacht|hier soir|la nuit dernière|anoche|ieri sera|昨晚|昨夜",
    "this morning": "heute morgen|heute früh|ce matin|esta mañana|stamattina|今朝|今天早上",
    "the day before yesterday": "vorgestern|avant-hier|anteayer|antes de ayer|l'altro ieri|anteontem|eergisteren"
    "|前天|一昨日|позавчера",
    "yesterday": "gestern|ayer|ieri|ontem|gisteren|昨天|昨日|вчера",
    "today": "heute|aujourd['\u2019]hui|hoy|hoje|oggi|vandaag|今天|今日|сегодня",
    "the week before last": "vorletzte woche|上上周|先々週",
    "last week": "上周|上星期|上个星期|先週|на прошлой неделе",
    "last month": "上个月|上月|先月|в прошлом месяце",
    "last year": "去年|昨年|в прошлом году",
    "at Christmas": "(?:an|zu|über) weihnachten|à noël|en navidad|a natale|no natal|met kerst",
    "on New Year's Eve": "(?:an|zu) silvester|en nochevieja|a capodanno",
    "at Easter": "(?:an|zu|über) ostern|à pâques|en semana santa|a pasqua",
    "in the spring": "im frühling|im frühjahr|au printemps|en primavera|in primavera",
    "in the summer": "im sommer|en été|en verano|in estate",
    "in the autumn": "im herbst|en automne|en otoño|in autunno",
    "in the winter": "im winter|en hiver|en invierno|in inverno",
    "at the weekend": "am wochenende|le week-end|el fin de semana",
}
# The words before a date, and what they mean.
_LEADS: Final = {
    "since": "seit(?: dem)?|depuis(?: le)?|desde(?: el)?|sinds|dal|ab(?: dem)?",
    "until": "bis(?: zum)?|jusqu['\u2019]au|hasta(?: el)?|fino al",
    "before": "vor(?: dem)?|avant(?: le)?|antes del?",
    "after": "nach(?: dem)?|après(?: le)?|después del?",
    "on": "am|vom|den|dem|le|du|el|del|il|em|op",
}
# The French "hier" is the German "here".
_HIER: Final = re.compile(r"(?<!\w)hier(?!\w)", re.IGNORECASE)
_FRENCH: Final = word_set("j t qu je tu nous vous est ai as avons avez que quoi")
_GERMAN: Final = word_set("ich wir ist war habe hast haben was wie das der die und")

_UNTIL_TWELFTH: Final = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
    *("eleventh", "twelfth"),
)
_ORDINALS: Final = (
    *_UNTIL_TWELFTH,
    *(f"{word}teenth" for word in ("thir", "four", "fif", "six", "seven", "eigh", "nine")),
    "twentieth",
    *(f"twenty-{word}" for word in _UNTIL_TWELFTH[:9]),
    "thirtieth",
    "thirty-first",
)

# Words of other languages that name no topic: "Was habe ich dir am 3. Mai erzählt?"
NO_TOPIC: Final = word_set("""
    was wer wie wo worüber habe hab hast haben hat ich du wir ihr er sie dir mir uns euch dich mich gesagt sagte sagtest
    erzählt erzählte geschrieben gesprochen geredet besprochen über von an alles zeig zeige den die das der dem am im es
    war ist los
    passiert bitte nochmal noch einmal mal denn eigentlich
    que qu quoi est ce je tu il elle nous vous on t m l d j ai as a avons avez dit disait parlé raconté écrit discuté de
    du des le la les sur tout en au
    qué te me nos yo él ella dije dijo dijiste hablamos conté contaste escribí hablé de del el los las lo en todo sobre
    che cosa ti mi ho hai detto abbiamo parlato raccontato di il o eu você disse falei falamos contei
    我 你 您 说 說 什 么 麼 了 跟 对 和 在 的 告 诉 们 聊 过 讲 何 を 私 は に と が で か し た 話 言 っ い ま す
""")


def _inverse(table: Mapping[str, str]) -> dict[str, str]:
    return {word.replace("_", " "): english for english, words in table.items() for word in words.split()}


def _any(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


def _whole(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE)


_ENGLISH: Final = {**_inverse(_MONTHS), **_inverse(_WEEKDAYS), **_inverse(_UNITS), **_inverse(_NUMBERS)}
_MONTH, _WEEKDAY, _UNIT = (_any(_inverse(table)) for table in (_MONTHS, _WEEKDAYS, _UNITS))
_COUNT: Final = f"[0-9]{{1,3}}|{_any(_inverse(_NUMBERS))}"
_LEAD: Final = "|".join(_LEADS.values())
_OPEN_LEAD: Final = "|".join(words for english, words in _LEADS.items() if english != "on")
_OF_YEAR: Final = "(?:,? (?:del? )?(?P<year>(?:19|20)[0-9]{2}))?"


def _english(word: str) -> str:
    return _ENGLISH.get(word.lower(), word)


def _lead(found: re.Match[str], default: str) -> str:
    """Return the English word before a date."""
    lead = found["lead"] or ""
    return next((english for english, words in _LEADS.items() if re.fullmatch(words, lead, re.IGNORECASE)), default)


def _date(found: re.Match[str]) -> str:
    until = f" to {found['until']}" if found["until"] else ""
    year = f" {found['year']}" if found["year"] else ""
    return f"{_lead(found, '')} {found['day']}{until} {_english(found['month'])}{year}".strip()


def _month(found: re.Match[str]) -> str:
    month = _english(found["month"])
    if month.lower() == found["month"].lower():  # English already
        return found.group()
    return f"{_lead(found, 'in')} {month} {found['year'] or ''}".strip()


def _numbered_month(found: re.Match[str]) -> str:
    month = list(_MONTHS)[int(found["month"]) - 1]
    return " ".join(
        part for part in (" on" if found["day"] else " in", found["day"], month, found["year"], " ") if part
    )


def _numbered_day(found: re.Match[str]) -> str:
    lead = "and" if found["lead"].lower() == "und" else _lead(found, "on")
    return f"{lead} {found['day']} {list(_MONTHS)[int(found['month']) - 1]}"


def _ago(found: re.Match[str]) -> str:
    return f"{_english(found['count'])} {_english(found['unit'])}s ago"


def _named(before: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"{before} {_english(found['name'])}"


_RULES: Final[Sequence[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]]] = (
    # 3. Mai 2031, le 1er mai, el 3 de mayo de 2031, vom 3. bis 7. Mai
    (
        _whole(
            rf"(?:(?P<lead>{_LEAD}) )?(?P<day>[0-9]{{1,2}})(?:\.|er|\u00ba|\u00b0)?"
            r"(?: ?(?:bis(?: zum)?|und(?: dem)?|au|et(?: le)?|al|y(?: el)?|e(?: il)?|-|\u2013)"
            r" ?(?P<until>[0-9]{1,2})\.?)?"
            rf" ?(?:de |di )?(?P<month>{_MONTH}){_OF_YEAR}"
        ),
        _date,
    ),
    # im Mai, en mayo de 2031, seit Mai
    (_whole(rf"(?:im|in(?! mars)|en|em|nel|(?P<lead>{_OPEN_LEAD})) (?P<month>{_MONTH}){_OF_YEAR}"), _month),
    (
        re.compile(
            "(?:(?P<year>(?:19|20)[0-9]{2}) ?\u5e74 ?)?(?<![0-9])(?P<month>0?[1-9]|1[0-2]) ?\u6708"
            " ?(?:(?P<day>0?[1-9]|[12][0-9]|3[01]) ?[\u65e5\u53f7\u865f])?"
        ),
        _numbered_month,
    ),
    # letzte Woche, la semaine derni\u00e8re, el lunes pasado; diese Woche; am Montag
    (_whole(rf"(?:am |im |in der )?(?:letzte|vergangene|vorige)[nrms]? (?P<name>{_UNIT}|{_WEEKDAY})"), _named("last")),
    (
        _whole(
            rf"(?:le |la |el |il |l['\u2019]|na |no )?(?P<name>{_UNIT}|{_WEEKDAY})"
            r" (?:derni(?:er|\u00e8re)|pass\u00e9e?|pasad[oa]|scors[oa]|passad[oa])"
        ),
        _named("last"),
    ),
    (_whole(rf"(?:diese[nrms]?|cette|esta|este|questa|questo|deze) (?P<name>{_UNIT})"), _named("this")),
    (_whole(rf"(?:am|vom|el|op) (?P<name>{_WEEKDAY})"), _named("on")),
    # vor zwei Wochen, il y a deux semaines, hace dos semanas; due settimane fa, twee weken geleden
    (_whole(rf"(?:vor|il y a|hace|h\u00e1) (?P<count>{_COUNT}) (?P<unit>{_UNIT})"), _ago),
    (_whole(rf"(?P<count>{_COUNT}) (?P<unit>{_UNIT}) (?:fa|geleden|atr\u00e1s)"), _ago),
    *(
        (
            _whole(words) if words[0] < "\u3000" else re.compile(words),
            f" {english} " if words[0] > "\u3000" else english,
        )
        for english, phrases in _PHRASES.items()
        for words in re.split(r"\|(?![^(]*\))", phrases)
    ),
    # am 3.5., vom 3.5. bis 7.5.
    (
        re.compile(
            r"(?<!\w)(?P<lead>am|vom|seit(?: dem)?|bis(?: zum)?|zum|und) (?P<day>[0-9]{1,2})\. ?"
            r"(?P<month>0?[1-9]|1[0-2])\.(?![0-9])",
            re.IGNORECASE,
        ),
        _numbered_day,
    ),
    # English
    (_whole("half a year ago"), "six months ago"),
    (_whole("half an hour ago"), "30 minutes ago"),
    (
        _whole(rf"(?P<count>a|two|three|[0-9]) weeks? last (?P<name>{_any(_WEEKDAYS)})"),
        r"\g<count> weeks ago on \g<name>",
    ),
    (_whole(rf"(?P<month>{_any(_MONTHS)}),? ['\u2019](?P<year>[0-9]{{2}})"), r"\g<month> 20\g<year>"),
    (_whole(r"h1,? (?:of )?(?P<year>20[0-9]{2})"), r"the first half of \g<year>"),
    (_whole(r"h2,? (?:of )?(?P<year>20[0-9]{2})"), r"the second half of \g<year>"),
    (_whole("(?:a|one) fortnight ago"), "two weeks ago"),
    (_whole("(?:the )?(?:last|past) fortnight"), "the last two weeks"),
    (
        _whole(rf"(?:the )?(?P<nth>{_any(_ORDINALS)}) of (?P<month>{_any(_MONTHS)})"),
        lambda found: f"{_ORDINALS.index(found['nth'].lower()) + 1} {found['month']}",
    ),
)
_MAX_REWRITES: Final = 8  # a text with more dates names no period
# A cheap test: most queries have none of these words.
_WORDS: Final = re.compile(r"\w+")
_TRIGGERS: Final = frozenset(
    word
    for words in (*_ENGLISH, *_PHRASES.values(), *_ORDINALS, "hier fortnight vorige half h1 h2")
    for word in _WORDS.findall(words.lower())
) - {"in", "a", "an", "di", "la", "le", "no", "na", "de", "il", "el", "l", "jour", "mes", "week", "zu", "day"}
_TIME_SIGN: Final = re.compile(
    "(?:am|vom|seit|dem|bis|zum) [0-9]{1,2}[.] ?[0-9]|['\u2019][0-9]{2}|weeks? last [MTWFS]"
    "|[\u6708\u6628\u524d\u4eca\u4e0a\u5148\u53bb]"
)


def in_english(text: str) -> str:
    """Return a text whose times are written in English. Other words stay as they are."""
    words = set(_WORDS.findall(text.lower()))
    if words.isdisjoint(_TRIGGERS) and not _TIME_SIGN.search(text):
        return text
    if "hier" in words and not words.isdisjoint(_FRENCH) and words.isdisjoint(_GERMAN):
        text = _HIER.sub("yesterday", text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text, count=_MAX_REWRITES)
    return " ".join(text.split())
