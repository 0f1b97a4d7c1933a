"""Redis keys: each begins with its tenant, and no two share a name."""

from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from eunoe_schema import Scope, keys
from eunoe_schema.streams import Group, Subject, dead_letters, isolated_attempts, reply_channel, stream
from eunoe_tests.properties import examples

TENANT = UUID("b0000000-0000-4000-8000-000000000001")
AGENT = UUID("a0000000-0000-4000-8000-000000000001")
SCOPE = Scope(tenant_id=TENANT, agent_id=AGENT, user_id="ada")

OF_TENANT: dict[str, Callable[[UUID, str], str]] = {
    "ratelimit": keys.rate_limit,
    "session": keys.session,
    "engaged": keys.engaged,
    "escalation": keys.escalation,
    "tool_confirm": keys.tool_confirm,
}
OF_SCOPE: dict[str, Callable[[Scope, str], str]] = {"dedup": keys.dedup, "current_session": keys.current_session}

# Few letters, so that parts often differ only in the place of a colon or a percent sign.
parts = st.text(alphabet="a:%235A", min_size=1, max_size=6)
ids = st.integers(min_value=0, max_value=2).map(lambda number: UUID(int=number))
scopes = st.builds(Scope, tenant_id=ids, agent_id=ids, user_id=parts)


def every_key(scope: Scope, part: str) -> dict[str, str]:
    """Return, by kind, every key of a tenant's data."""
    made = {kind: key(scope.tenant_id, part) for kind, key in OF_TENANT.items()}
    made |= {kind: key(scope, part) for kind, key in OF_SCOPE.items()}
    return {**made, "memory": keys.window(scope)}


def test_these_tests_cover_every_key() -> None:
    """A new key must be added to these tests."""
    made = {name for name, value in vars(keys).items() if callable(value) and value.__module__ == keys.__name__}
    tested = {key.__name__ for key in (*OF_TENANT.values(), *OF_SCOPE.values(), keys.window, keys.of_tenant)}
    assert {name for name in made if not name.startswith("_")} == tested


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (keys.rate_limit(TENANT, "slack"), "ratelimit:slack"),
        (keys.dedup(SCOPE, "m1"), f"dedup:{AGENT}:ada:m1"),
        (keys.session(TENANT, "t1"), "session:t1"),
        (keys.current_session(SCOPE, "t1"), f"current_session:{AGENT}:ada:t1"),
        (keys.engaged(TENANT, "t1"), "engaged:t1"),
        (keys.window(SCOPE), f"memory:short:{AGENT}:ada"),
        (keys.escalation(TENANT, "t1"), "escalation:t1"),
        (keys.tool_confirm(TENANT, "t1"), "tool_confirm:t1"),
        (keys.of_tenant(TENANT), "*"),
    ],
)
def test_keys_are_spelled_as_documented(key: str, expected: str) -> None:
    """Operators and other programs look keys up by their names."""
    assert key == f"{TENANT}:{expected}"


@examples(300)
@given(scopes)
def test_the_key_of_a_window_contains_the_user_id_unchanged(scope: Scope) -> None:
    """The key is `{tenant}:memory:short:{agent}:{user}`, also if the user id contains colons."""
    assert keys.window(scope) == f"{scope.tenant_id}:memory:short:{scope.agent_id}:{scope.user_id}"


def test_only_inner_parts_are_percent_encoded() -> None:
    """Ids of Matrix keep their colon at the end of a key, where it separates nothing."""
    scope = SCOPE.model_copy(update={"user_id": "@ada:x%3A"})
    assert keys.dedup(scope, "$e:1%") == f"{TENANT}:dedup:{AGENT}:@ada%3Ax%253A:$e:1%"
    assert keys.current_session(scope, "!t:1%") == f"{TENANT}:current_session:{AGENT}:@ada%3Ax%253A:!t:1%"


@examples(300)
@given(scopes, parts)
def test_every_key_begins_with_its_tenant(scope: Scope, part: str) -> None:
    """So the keys of a tenant can be found and deleted."""
    for kind, key in every_key(scope, part).items():
        assert key.startswith(f"{scope.tenant_id}:{kind}:")


@pytest.mark.parametrize("key", OF_TENANT.values(), ids=OF_TENANT)
@examples(300)
@given(one=st.tuples(ids, parts), other=st.tuples(ids, parts))
def test_different_parts_of_a_tenant_give_different_keys(
    key: Callable[[UUID, str], str], one: tuple[UUID, str], other: tuple[UUID, str]
) -> None:
    """Two threads, or two tenants with threads of one name, never share state."""
    assert (key(*one) == key(*other)) == (one == other)


@pytest.mark.parametrize("key", OF_SCOPE.values(), ids=OF_SCOPE)
@examples(300)
@given(one=st.tuples(scopes, parts), other=st.tuples(scopes, parts))
def test_different_parts_of_a_scope_give_different_keys(
    key: Callable[[Scope, str], str], one: tuple[Scope, str], other: tuple[Scope, str]
) -> None:
    """Two users, agents or tenants never share a key, wherever colons stand in their ids."""
    assert (key(*one) == key(*other)) == (one == other)


@pytest.mark.parametrize("key", OF_SCOPE.values(), ids=OF_SCOPE)
@examples(300)
@given(text=st.text(alphabet="a:%3A", min_size=4, max_size=10), cuts=st.tuples(st.integers(1, 8), st.integers(1, 8)))
def test_ids_with_colons_do_not_share_a_key(key: Callable[[Scope, str], str], text: str, cuts: tuple[int, int]) -> None:
    """User 'a' with event 'b:c' and user 'a:b' with event 'c' read alike, and are two."""
    users = [text[: min(cut, len(text) - 1)] for cut in cuts]
    assume(users[0] != users[1])
    made = [key(SCOPE.model_copy(update={"user_id": user}), text[len(user) :].removeprefix(":")) for user in users]
    assert made[0] != made[1]


@examples(300)
@given(one=scopes, other=scopes)
def test_different_scopes_have_different_windows(one: Scope, other: Scope) -> None:
    """No two users, agents or tenants share a window."""
    assert (keys.window(one) == keys.window(other)) == (one == other)


@examples(300)
@given(scopes, parts, scopes, parts)
def test_different_kinds_never_collide(one: Scope, one_part: str, other: Scope, other_part: str) -> None:
    """Whatever the parts are, a key of one kind is never a key of another."""
    for kind, key in every_key(one, one_part).items():
        assert all(key != another for name, another in every_key(other, other_part).items() if name != kind)


def test_shared_keys_never_equal_the_key_of_a_tenant() -> None:
    """Shared keys begin with `eunoe:`, which no UUID does, and are distinct."""
    shared = [keys.TENANTS, keys.REMOVED_TENANTS, reply_channel("c")]
    shared += [stream(subject, partition) for subject in Subject for partition in (0, 1)]
    shared += [name(group) for group in Group for name in (dead_letters, isolated_attempts)]
    assert all(name.startswith("eunoe:") for name in shared)
    assert len(set(shared)) == len(shared)
    assert stream(Subject.MESSAGES) == "eunoe:messages"
    assert {group: stream(group.subject) for group in Group} == {
        Group.WINDOW: "eunoe:messages",
        Group.EMBED: "eunoe:messages",
        Group.RECALL: "eunoe:recall",
        Group.CURATE: "eunoe:memory",
    }
