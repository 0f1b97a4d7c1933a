"""Which near duplicates say the same, so that one of them may stand for both."""

import pytest

from eunoe_consumers.janitor.wording import says_the_same

SAME = [
    ("Ada likes green tea.", "Ada likes green tea"),
    ("Ada likes green tea, with honey, every day", "Ada likes  green tea with honey every day."),
    ("Ada\u2019s cat is called Minka.", "Ada's cat is called Minka;"),
    ("Adas Café ist zu.", "Adas Cafe\u0301 ist zu"),
    ("阿达喜欢茶", " 阿达喜欢茶 "),
    ("def f():\n    return 1", "def f():\n    return 1\n"),
]
OTHER = [
    ("Ada is allergic to peanuts.", "Ada is not allergic to peanuts."),
    ("Ada can eat nuts.", "Ada can't eat nuts."),
    ("Ada eats meat.", "Ada never eats meat."),
    ("Ada smokes.", "Ada no longer smokes."),
    ("Ada drinks coffee with milk.", "Ada drinks coffee without milk."),
    ("Ada is happy with it.", "Ada is unhappy with it."),
    ("Ada isst Fleisch.", "Ada isst kein Fleisch."),
    ("Ada mag das nicht.", "Ada mag das."),
    ("Ada mange de la viande.", "Ada ne mange pas de viande."),
    ("Ada come carne.", "Ada no come carne."),
    ("No, milk is fine.", "No milk is fine."),
    ("The rent is 950 euros.", "The rent is 1,950 euros."),
    ("The dose is 1.5 mg.", "The dose is 15 mg."),
    ("The dose is 5 mg.", "The dose is 5 g."),
    ("It was -5 degrees.", "It was 5 degrees."),
    ("It costs $5.", "It costs €5."),
    ("Ada moved to Berlin.", "Ada moved to Bern."),
    ("The party is on Tuesday.", "The party is on Thursday."),
    ("Ada hears badly on the left ear.", "Ada hears badly on the right ear."),
    ("Call before noon.", "Call after noon."),
    ("Ada works for US customers.", "Ada works for us customers."),
    ("Rose is in the garden.", "rose is in the garden."),
    ("The password is kX9aBq.", "The password is Kx9AbQ."),
    ("The password is kX9aBq.", "The password is kX9aBq"),
    ("The password is hunter!", "The password is hunter"),
    ("The room is B-12.", "The room is B12."),
    ("Ada writes C.", "Ada writes C++."),
    ("Ada lives in Graz.", "Ada lived in Graz."),
    ("Anna hates Ben.", "Ben hates Anna."),
    ("Ada has few friends.", "Ada has a few friends."),
    ("Llama a Ana.", "Llama Ana."),
    ("Ada likes tea.", "Ada likes tea?"),
    ("阿达喜欢茶", "阿达不喜欢茶"),
    ("if x:\n    y()\n    z()", "if x:\n    y()\nz()"),
    ("Take\none", "Take one"),
]


@pytest.mark.parametrize(
    ("one", "other", "same"), [(*pair, True) for pair in SAME] + [(*pair, False) for pair in OTHER]
)
def test_only_spacing_and_punctuation_may_differ(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    """Nothing is merged where a number, a negation, a name, a code, a unit or any other word differs."""
    assert says_the_same(one, other) is same
    assert says_the_same(other, one) is same
