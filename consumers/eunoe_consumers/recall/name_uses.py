"""Decide whether a speaker's name in a query is rather a word: by how the scope's messages use it.

"Berlin" may be a user, or a city that everybody talks about. A name mostly stands alone between marks, because speakers
address each other: "Thanks, Berlin!". Speakers hardly ever say their own names otherwise, and an assistant and its only
user do not talk about each other. Such a use is a sign of a word: "I moved to Berlin".
"""

from collections.abc import Collection, Sequence

from eunoe_consumers.postgres.candidates import NameUse
from eunoe_consumers.recall.names import Mention, is_address
from eunoe_consumers.recall.words import folded_words, word_set, words_of

# A word before a word that is no name: "in Berlin", "the baker".
_BEFORE_WORDS = word_set("""
    a an another any each every few in into many more most my no our some that the their these this those your
    der die das den dem ein eine einen einem im nach le la les un une el los las una en
""")
# A word before a name in "I'm Rose", "My name is Rose", "This is Rose".
_BEFORE_INTRODUCTION = word_set("am bin call ich is it's i'm im je llamo m me name s soy suis this")


def is_word(mention: Mention, uses: Sequence[NameUse], users: Collection[str], assistants: Collection[str]) -> bool:
    """Return whether a mention is a word, and not a name.

    A user's name is a name unless more messages use it as a word. An assistant's name is often a topic, and therefore a
    name only if the query addresses the assistant, or more messages use it as a name.

    Args:
        mention: A mention of one word.
        uses: Messages of the scope that contain the word.
        users: The display names of the scope's users.
        assistants: The display names of its assistants.
    """
    are_alone = len(users) <= 1 and len(assistants) <= 1
    is_assistant = set(mention.speakers).issubset(assistants)
    if is_assistant and mention.is_address:
        return False
    names = words = 0
    for use in uses:
        for as_name in _uses_of(mention, use, are_alone=are_alone):
            names += as_name
            words += not as_name
    return words >= names if is_assistant else words > names


def _uses_of(mention: Mention, use: NameUse, *, are_alone: bool) -> Sequence[bool]:
    """Return for each clear use of the word in a message whether it is one as a name."""
    name = mention.word or ""
    is_topic = are_alone or use.speaker in mention.speakers
    found: list[bool] = []
    written = words_of(use.content)
    for place, word in enumerate(written):
        if (word.folded,) != folded_words(name):
            continue
        before = written[place - 1].folded if place else ""
        if is_address(use.content, word.start, word.end):
            found.append(True)
        elif use.content[word.start : word.end].islower() and not name.islower():
            continue  # "a rose" says nothing about "Rose"
        elif before in _BEFORE_WORDS or (is_topic and before not in _BEFORE_INTRODUCTION):
            found.append(False)
    return found
