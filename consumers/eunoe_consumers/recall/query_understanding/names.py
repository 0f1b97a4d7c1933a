"""Take the participants' names out of a query: they say whose turns are meant, not what these are about.

In the embedded text a name draws every turn that mentions the person, and hardly any that the person said.
"""

from collections.abc import Collection
from dataclasses import dataclass

from eunoe_consumers.recall.query_understanding.name_forms import name_tree
from eunoe_consumers.recall.query_understanding.name_mentions import mentions
from eunoe_consumers.recall.query_understanding.name_words import words
from eunoe_consumers.recall.query_understanding.remainder import without
from eunoe_consumers.recall.query_understanding.words import STOP_WORDS


@dataclass(frozen=True)
class NamedQuery:
    """A query without its names.

    Attributes:
        text: What is to be embedded.
        named: The speakers meant, as their display names are written, in the order of their first mention.
    """

    text: str
    named: tuple[str, ...]


def strip_names(query: str, speakers: Collection[str]) -> NamedQuery:
    """Remove the names of a scope's speakers from a query.

    Whole words are compared without case and encoding, the longest form of a name first. A first or last name counts
    where only one speaker has it. A name that is an everyday word ("Will", "May", "Mark") counts where it is written
    like the speaker's and stands within a sentence, whose first word has a capital anyway. "user" and "assistant" name
    nobody. What cannot be told: two people of one name, a stranger of a speaker's name, and a nickname.

    Args:
        query: Any text.
        speakers: Display names, in any order.

    Returns:
        The text without the names, and the speakers named. If nothing but stop words were left, or if nobody is named,
        the text is the query as it was.
    """
    found = list(mentions(query, name_tree(speakers)))
    named = tuple(dict.fromkeys(speaker for mention in found for speaker in mention.speakers))
    if not named:
        return NamedQuery(query, ())
    left = without(query, [(mention.start, mention.end) for mention in found])
    if all(word.folded in STOP_WORDS for word in words(left)):
        return NamedQuery(query, named)
    return NamedQuery(left, named)
