"""Prefer the newest of several turns that are about as near, if the query asks for the present; or the oldest."""

import re
from collections.abc import Sequence
from datetime import datetime
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eunoe_consumers.recall.ranking.cues import any_of


class Age(Enum):
    """Which of several turns about the same a query asks for."""

    NEWEST = "newest"
    OLDEST = "oldest"
    PAST = "past"
    ANY = "any"


# "Last" asks for the newest, except in a period ("last week") and in a name.
_LAST = (
    r"\b(?:the|my|our|his|her|their|your|did|i|we|he|she|they|you|was|were|have|has|had|that|it)\b[ \w]{0,20}?"
    r"(?<!from )(?<!since )(?<!until )\blast(?! (?:\d|"
    + any_of("""
    names?, nights?, weeks?, weekends?, months?, years?, days?, hours?, minute, season, quarter, semester, term, resort,
    few, couple, two, three, spring, summer, autumn, fall, winter, century, decade, monday, tuesday, wednesday,
    thursday, friday, saturday, sunday, january, february, march, april, may, june, july, august, september, october,
    november, december, christmas, easter
    """)
    + r"))\b"
)
# "Recently" and "lately" are left out: they belong to any time at which somebody says them.
_PRESENT = any_of("""
    now, nowadays, current, currently, today, tonight, these days, at the moment, at this moment, at present, presently,
    present, right now, still, any ?more, latest, newest, most recent, most recently, up to date,
    jetzt, derzeit\\w*, aktuell\\w*, momentan\\w*, heute, heutzutage, gerade, zurzeit, zur zeit, noch, neue?ste[nrms]?,
    zuletzt, letzte[nrms]? mal, gegenwärtig\\w*, inzwischen, mittlerweile,
    maintenant, actuel\\w*, aujourd.hui, en ce moment, à présent, encore, dernière fois,
    ahora, actual, actuales, actualmente, hoy, todavía, aún, última vez, agora, atual, atuais, atualmente, hoje, ainda,
    adesso, ora, attuale, attuali, attualmente, oggi, ancora, al momento, ultima volta,
    nu, momenteel, tegenwoordig, huidige?, vandaag, nog, nieuwste, laatste keer,
    сейчас, теперь, сегодня, şimdi, teraz, obecnie
""")
_PRESENT_UNSPACED = "现在|目前|今|現在|最近"
_FIRST = any_of("""
    first(?! (?:\\d|two|three|four|five|few|names?|aid|class|floor|of|lady|language)\\b), original, originally,
    initially, oldest, earliest, at the beginning, zuerst, ursprünglich\\w*, anfangs, als erste[sr], erste[nrms]? mal,
    à l.origine, initialement, première fois, primero, al principio, originalmente, primera vez, primeira vez,
    inicialmente, originariamente, all.inizio, prima volta, oorspronkelijk\\w*, eerst
""")
_PAST = any_of("""
    used? to, before, previous, previously, former, formerly, earlier, old, older, in the past, back then, once, ago,
    prior, früher\\w*, vorher\\w*, ehemalig\\w*, damals, alte[nrms]?, bevor, avant, auparavant, ancien\\w*, autrefois,
    précédent\\w*, antes, anterior\\w*, antigu\\w*, antig[oa]s?, prima, precedente\\w*, vecchi\\w*, vroeger, eerder\\w*,
    vorige?, oude?
""")
_ASKS_FOR = {
    Age.OLDEST: re.compile(_FIRST, re.IGNORECASE),
    Age.PAST: re.compile(_PAST, re.IGNORECASE),
    Age.NEWEST: re.compile(f"{_LAST}|{_PRESENT}|{_PRESENT_UNSPACED}", re.IGNORECASE),
}
_LOOKED_AT_CHARS = 1_000
# A turn is about as near as the nearest one if its cosine is at least this share of it: not at all at the first share,
# fully at the second. A new statement often has other words than the old one, and a cosine of 0.75 of it.
_FAR_SHARE, _NEAR_SHARE = 0.6, 0.75
# Its score must not be lower by more than this, and it must be among the best. A long scope has many turns about the
# topic, and not all of them answer the query.
_GAP, _MOST_TEXTS = 1.2, 8
# A query without any near turn moves none.
_LEAST_COSINE = 0.05
# Without a word for a time, only near ties count.
_TIE_SHARE, _TIE_GAP = 0.95, 0.15


def wanted_age(query: str) -> Age:
    """Return which age a query asks for, by its words. A word for the past wins over one for the present."""
    looked_at = query[:_LOOKED_AT_CHARS]
    return next((age for age, words in _ASKS_FOR.items() if words.search(looked_at)), Age.ANY)


def narrowed(cosines: NDArray[np.float64], chosen: ArrayLike) -> NDArray[np.float64]:
    """Return the cosines of the chosen turns, -1 for all others; all cosines if no chosen turn is near."""
    left = np.where(np.asarray(chosen, dtype=np.bool_), cosines, -1.0)
    is_near = left.max(initial=-1.0) >= _FAR_SHARE * cosines.max(initial=-1.0)
    return left if is_near else cosines


def by_age(
    age: Age, scores: NDArray[np.float64], cosines: NDArray[np.float64], moments: Sequence[tuple[datetime, int]]
) -> NDArray[np.float64]:
    """Return how far each score moves, so that the scores of about equally near turns fall with age, or rise with it.

    These turns exchange their scores: the newest gets the best one. A turn that is less near than others moves a part
    of the way.

    Args:
        age: The age that the query asks for.
        scores: The scores, shape (n,).
        cosines: The cosines of these turns, shape (n,); -1 for a turn that must not move.
        moments: When each was written, and its position.
    """
    moves = np.zeros(len(scores))
    nearness = _nearness(age, scores, cosines)
    members = np.flatnonzero(nearness)
    by_moment = sorted(members.tolist(), key=lambda index: moments[index], reverse=age is not Age.OLDEST)
    moves[by_moment] = nearness[by_moment] * (np.sort(scores[members])[::-1] - scores[by_moment])
    return moves


def _nearness(age: Age, scores: NDArray[np.float64], cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each turn whether it is about as near as the nearest one, 0..1."""
    best = float(cosines.max(initial=-1.0))
    if age is Age.PAST or best < _LEAST_COSINE:
        return np.zeros(len(scores))
    share, gap = cosines / best, _GAP
    if age is Age.ANY:
        nearness, gap = np.where(share >= _TIE_SHARE, 1.0, 0.0), _TIE_GAP
    else:
        nearness = np.clip((share - _FAR_SHARE) / (_NEAR_SHARE - _FAR_SHARE), 0.0, 1.0)
    nearness[scores < scores[nearness > 0].max(initial=-np.inf) - gap] = 0
    # Turns of one text have one cosine, and count as one.
    texts = [round(float(cosines[index]), 4) for index in np.argsort(-scores, kind="stable") if nearness[index] > 0]
    kept = set(list(dict.fromkeys(texts))[:_MOST_TEXTS])
    nearness[[round(float(cosine), 4) not in kept for cosine in cosines]] = 0
    return nearness
