"""Names in a query: found in every spelling, removed, and distinguished from similar words."""

import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from eunoe_consumers.postgres.candidates import NameUse
from eunoe_consumers.recall.name_uses import is_word
from eunoe_consumers.recall.names import find_names
from eunoe_consumers.recall.query import NamedQuery, strip_names
from eunoe_consumers.recall.words import ORDINARY_NAMES, ROLES, STOP_WORDS

CAROLINE, MELANIE, JANE, WILL, MAY = "Caroline", "Melanie", "Dr. Jane Doe", "Will", "May"
SPEAKERS = (
    CAROLINE,
    MELANIE,
    JANE,
    WILL,
    MAY,
    "José",
    "李雷",
    "James",
    "C++",
    "@rosa",
    "Bob (Sales)",
    "user",
    "Assistant",
)


@pytest.mark.parametrize(
    ("query", "text", "named"),
    [
        ("What did Caroline say about her trip?", "What did say about her trip?", (CAROLINE,)),
        ("what does caroline's dog eat", "what does dog eat", (CAROLINE,)),
        ("CAROLINE\u2019S dog", "dog", (CAROLINE,)),
        ("James' car and keys", "car and keys", ("James",)),
        ("jose\u0301 likes tea", "likes tea", ("José",)),
        ("tea of jose\u0301", "tea of", ("José",)),
        ("JOS\u00c9 likes tea", "likes tea", ("José",)),
        ("\uff23aroline likes tea", "likes tea", (CAROLINE,)),  # a letter of full width
        ("Dr. Jane Doe's advice", "advice", (JANE,)),
        ("Dr Doe's advice", "advice", (JANE,)),
        ("advice of jane doe", "advice of", (JANE,)),
        ("advice of Jane about sleep", "advice of about sleep", (JANE,)),
        ("advice of Doe about sleep", "advice of about sleep", (JANE,)),
        ("李雷昨天说了什么", "昨天说了什么", ("李雷",)),
        ("love C++ templates", "love templates", ("C++",)),
        ("@rosa eats bread", "eats bread", ("@rosa",)),
        ("Rosa eats bread", "eats bread", ("@rosa",)),
        ("@Caroline eats bread", "eats bread", (CAROLINE,)),
        ("Bob (Sales) plays tennis", "plays tennis", ("Bob (Sales)",)),
        ("Bob plays tennis", "plays tennis", ("Bob (Sales)",)),
        ("what does @will eat, @Will, @will.baker", "what does eat", (WILL,)),
        ("tea of @doe and @jane.doe and @janedoe", "tea of", (JANE,)),
        ("Melanie told Caroline about Melanie's cats", "told about cats", (MELANIE, CAROLINE)),
    ],
)
def test_a_name_is_found_in_every_spelling(query: str, text: str, named: tuple[str, ...]) -> None:
    """Case, encoding, possessives, titles, first and last names: the name is removed, and its speaker returned."""
    assert strip_names(query, SPEAKERS) == NamedQuery(text, named)


@pytest.mark.parametrize(
    ("query", "text", "named"),
    [
        ("What will she cook", "What will she cook", ()),
        ("What did Will cook", "What did cook", (WILL,)),
        ("Will she cook pasta?", "Will she cook pasta?", ()),
        ("We ate. Will she cook pasta?", "We ate. Will she cook pasta?", ()),
        ("Will's car", "car", (WILL,)),
        ("Will, what about cars?", "what about cars?", (WILL,)),
        ("WHAT WILL HAPPEN TOMORROW", "WHAT WILL HAPPEN TOMORROW", ()),
        ("may we travel", "may we travel", ()),
        ("What did May plant in May and on May 5?", "What did plant in May and on May 5?", (MAY,)),
        ("the letters of May and from May to July", "the letters of and from May to July", (MAY,)),
        ("the user's garden and the Assistant", "the user's garden and the Assistant", ()),
        ("Vitamin C", "Vitamin C", ()),
        ("Carolines and Janeway travel", "Carolines and Janeway travel", ()),
        ("advice of doe about sleep", "advice of doe about sleep", ()),
        ("bob plays tennis", "bob plays tennis", ()),
        ("mail to x@will.baker and @doe.smith", "mail to x@will.baker and @doe.smith", ()),
        ("post-Caroline times", "post-Caroline times", ()),
        ("mail to caroline@example.org", "mail to caroline@example.org", ()),
        ("open caroline.txt", "open caroline.txt", ()),
        ("李 and 雷", "李 and 雷", ()),
    ],
)
def test_a_word_that_resembles_a_name_stays(query: str, text: str, named: tuple[str, ...]) -> None:
    """Everyday words in lower case or at the start of a sentence, months, roles, parts of words and addresses."""
    assert strip_names(query, SPEAKERS) == NamedQuery(text, named)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("What about dogs, Caroline?", "What about dogs?"),
        ("Caroline: which dogs", "which dogs"),
        ("dogs (Caroline) and cats", "dogs and cats"),
        ('who is "Caroline" engaged to', "who is engaged to"),
        ("Caroline and Melanie like dogs", "like dogs"),
        ("What do Caroline, Melanie & José like", "What do like"),
        ("(Caroline dogs)", "(dogs)"),
        ("  dogs   of  Caroline ,  std::vector and .NET", "  dogs   of,  std::vector and .NET"),
    ],
)
def test_punctuation_around_a_removed_name_is_removed(query: str, text: str) -> None:
    """White space, brackets and punctuation around a name are removed with it. The rest of the query is unchanged."""
    stripped = strip_names(query, [CAROLINE, MELANIE, "José"])
    assert stripped.text == text


@pytest.mark.parametrize("query", ["Caroline", "What did Caroline say to Melanie?", "Caroline's", "...Caroline!"])
def test_a_query_of_names_and_stop_words_is_embedded_unchanged(query: str) -> None:
    """Stop words have no meaning to search for, so the names stay in the text. They still name their speakers."""
    stripped = strip_names(query, SPEAKERS)
    assert stripped.text == query
    assert stripped.named[0] == CAROLINE


def test_a_part_of_a_name_counts_if_one_speaker_has_it() -> None:
    """Jane may be either speaker, Doe and Roe may not. A speaker whose full name is Jane is Jane."""
    two = ["Jane Doe", "Jane Roe"]
    assert strip_names("Jane likes tea", two) == NamedQuery("Jane likes tea", ())
    assert strip_names("Roe likes tea", two).named == ("Jane Roe",)
    assert strip_names("Jane likes tea", [*two, "Jane"]).named == ("Jane",)
    assert strip_names("Jane Doe likes tea", [*two, "Jane"]).named == ("Jane Doe",)


def test_speakers_with_the_same_name_are_all_named() -> None:
    """A person with two spellings of the display name is found under both."""
    assert strip_names("caroline likes tea", ["caroline", "Caroline"]).named == ("Caroline", "caroline")


def test_a_part_of_two_letters_is_no_name() -> None:
    """A short part may be a word of some language. A full name may have any length."""
    assert strip_names("Al Yi likes tea", ["Bo Yi"]).named == ()
    assert strip_names("bo likes tea", ["Bo"]).named == ("Bo",)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_message_role_is_no_name(role: str) -> None:
    """Every conversation has a user and an assistant, so "the user" names no speaker."""
    query = f"What did the {role.capitalize()} buy, {role}?"
    assert strip_names(query, [role, role.capitalize()]) == NamedQuery(query, ())


names = st.text(min_size=1, max_size=12) | st.sampled_from([*SPEAKERS, "(", ".*", "[a-z]+", "a|b", "\\", "x{9999}"])


@given(st.text(), st.lists(names, max_size=6))
@settings(deadline=None)
def test_no_query_and_no_name_raises(query: str, speakers: list[str]) -> None:
    """Only speakers are named, each once. A query that names none is unchanged."""
    stripped = strip_names(query, speakers)
    assert set(stripped.named) <= set(speakers)
    assert len(set(stripped.named)) == len(stripped.named)
    if not stripped.named:
        assert stripped.text == query


# Roles, words such as "he" and single characters are no names, or need a capital.
@given(names.filter(str.isalpha))
@settings(deadline=None)
def test_a_name_of_letters_is_found_in_any_script(name: str) -> None:
    """The display name within a sentence names its speaker."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    assume(folded not in ROLES | STOP_WORDS | ORDINARY_NAMES and len(unicodedata.normalize("NFC", name)) > 1)
    assert strip_names(f"dogs of {name} , please", [name]).named == (name,)


@given(
    st.lists(
        st.sampled_from(
            ["Caroline", "melanie's", "José", "dogs", "and", "Zürich", ",", "(", ")", ". ", " ", "\n", '"', "@", "-"]
        )
    )
)
@settings(deadline=None)
def test_stripping_twice_changes_nothing(pieces: list[str]) -> None:
    """No name is overlooked, and closing a gap makes no new one."""
    speakers = ["Caroline", "Melanie", "José"]
    once = strip_names(" ".join(pieces), speakers).text
    assert strip_names(once, speakers).text == once


@pytest.mark.parametrize(
    ("query", "text", "named"),
    [
        ("How did I install Python?", "How did I install Python?", ()),
        ("Which recipe did the helper give for Berlin?", "Which recipe did the helper give for Berlin?", ()),
        ("How do I become a Python Tutor?", "How do I become a Python Tutor?", ()),
        ("What did Melanie paint?", "What did paint?", (MELANIE,)),
        ("Melanie, what did I say about Rome?", "what did I say about Rome?", ()),
        ("What did I say about Rome, Melanie?", "What did I say about Rome?", ()),
        ("@melanie what did I say about Rome?", "what did I say about Rome?", ()),
        ("@tutor what did I say about Rome?", "what did I say about Rome?", ()),
        ("Python Tutor, what did I say about Rome?", "what did I say about Rome?", ()),
        ("Thanks Berlin Guide! And my recipe?", "Thanks! And my recipe?", ()),
        ("What should I mark down?", "What should I mark down?", ()),
        ("What did Mark Down eat?", "What did eat?", ("Mark Down",)),
        ("What did Stone eat?", "What did eat?", ("Pete Stone",)),
        ("the stone of pete", "the stone of pete", ()),
    ],
)
def test_a_name_of_an_assistant_is_rather_a_topic(query: str, text: str, named: tuple[str, ...]) -> None:
    """Unless it is one word. An assistant that is addressed is not asked about."""
    assistants = ["Berlin Guide", "Recipe Helper", "Python Tutor", MELANIE]
    assert strip_names(query, ["Mark Down", "Pete Stone"], assistants) == NamedQuery(text, named)


@pytest.mark.parametrize(
    ("query", "said", "is_a_word"),
    [
        # an assistant called Berlin
        ("What did I eat in Berlin?", "", True),
        ("What did I eat in Berlin?", "Ada Stone: I moved to Berlin.", True),
        ("What did Berlin say?", "Ada Stone: Thanks, Berlin!|Ada Stone: Hi Berlin", False),
        ("What did Berlin say?", "Ada Stone: Thanks, Berlin!|Ada Stone: Berlin, hi!|Ada Stone: I saw Berlin", False),
        ("Berlin, what did I eat?", "", False),
        ("Berlin, what did I eat?", "Ada Stone: In Berlin I eat out.|Berlin: Nice city, Berlin is.", False),
        ("Berlin: what did I eat?", "Ada Stone: In Berlin I eat out.", True),
        # a user called Ada Stone
        ("What does Stone like?", "", False),
        ("Which Stone did I find?", "Ada Stone: I collect stones. The Stone is blue.", True),
        ("What does Stone like?", "Ada Stone: I'm Stone. Hello!|Berlin: Stone, hello!", False),
        ("What does Stone like?", "Ada Stone: a stone on the road", False),
        ("How is Ada made?", "Ada Stone: I write Ada and C.|Berlin: Ada compiles slowly", True),
    ],
)
def test_messages_tell_a_name_from_a_word(query: str, said: str, is_a_word: bool) -> None:  # noqa: FBT001
    """A name stands between marks, or others speak of it. A word follows an article, or its bearer uses it."""
    users, assistants = ["Ada Stone"], ["Berlin"]
    (mention,) = find_names(query, users, assistants)
    uses = [NameUse(content, speaker) for speaker, _, content in (line.partition(": ") for line in said.split("|"))]
    assert is_word(mention, uses, users, assistants) == is_a_word


def test_people_of_a_group_are_talked_about() -> None:
    """Where several people write, a name in another's message is a name."""
    (mention,) = find_names("What did Rome eat?", ["Rome", "Ada"])
    uses = [NameUse("I met Rome yesterday, and Rome was ill", "Ada"), NameUse("Rome ate soup", "Ada")]
    assert not is_word(mention, uses, ["Rome", "Ada"], [])
    assert is_word(mention, [NameUse("We flew to Rome", "Rome")], ["Rome", "Ada"], [])
    assert is_word(mention, [NameUse("the old Rome, in Rome", "Ada")], ["Rome", "Ada"], [])
