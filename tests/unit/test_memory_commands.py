"""The commands of `eunoe`: their help, and the requests that `eunoe memory request` explains."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from pydantic import ValidationError
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from eunoe_consumers.cli.main import app
from eunoe_consumers.cli.memory.request import example_call
from eunoe_schema.memory.base import ScopedRequest, request_kinds, request_model

_SCOPE = ["--tenant", str(UUID(int=1)), "--user", "ada"]
_TYPED = "remember list search get history forget restore approve reject archive purge request admin-search"


def _leaves(command: Any, path: str = "eunoe") -> Iterator[tuple[str, Any]]:
    """Yield each visible command with its full name."""
    if isinstance(command, TyperGroup):
        for name, child in command.commands.items():
            if not child.hidden:
                yield from _leaves(child, f"{path} {name}")
    else:
        yield path, command


_COMMANDS = dict(_leaves(cast("Any", get_command(app))))


def _run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["memory", *words], env={"COLUMNS": "200"})
    return result.exit_code, " ".join((result.output + str(result.exception or "")).replace("│", " ").split())


def test_the_commands_that_people_type_are_all_there() -> None:
    """Every other request goes through `eunoe memory request`."""
    assert {path for path in _COMMANDS if path.startswith("eunoe memory ")} == {
        f"eunoe memory {name}" for name in _TYPED.split()
    }


def test_every_help_has_a_summary_valid_examples_and_described_parameters(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The failure lists each command with an incomplete help or an invalid example."""
    monkeypatch.chdir(tmp_path)
    Path("chats.jsonl").touch()
    wrong: list[str] = []
    for path, command in _COMMANDS.items():
        wrong += [f"{path}: {parameter.name}" for parameter in command.params if not parameter.help]
        if not command.help:
            wrong.append(f"{path}: no summary")
        label, _, examples = (command.epilog or "").partition(": ")
        typed = f"; {examples}".split("; eunoe ")[1:]
        if label not in {"Example", "Examples"} or not typed:
            wrong.append(f"{path}: no example")
        for example in typed:
            words = shlex.split(example.partition(" || ")[0].partition(" > ")[0])
            name = path.split()[1:]
            try:
                assert words[: len(name)] == name
                command.make_context(path, words[len(name) :])
            except Exception as error:  # noqa: BLE001 - each failure is listed
                wrong.append(f"{path}: {example}: {error}")
    assert wrong == []


def test_every_kind_of_request_has_a_purpose_and_a_valid_example() -> None:
    """A newcomer copies the example. The failure lists each kind with an invalid one."""
    envelope = {"request_id": "r", "reply_to": "c", "tenant_id": UUID(int=1)}
    wrong: list[str] = []
    _, listed = _run("request", "--list", "--json")
    purposes = {row["kind"]: row["purpose"] for row in json.loads(listed)}
    assert purposes.keys() == set(request_kinds())
    for kind in request_kinds():
        model, words = request_model(kind), shlex.split(example_call(kind))
        scope = {"agent_id": UUID(int=2), "user_id": "ada"} if issubclass(model, ScopedRequest) else {}
        try:
            model.model_validate({**envelope, **scope, **json.loads(words[-1]), "kind": kind})
        except ValidationError as error:
            wrong.append(f"{kind}: {error}")
        code, shown = _run("request", kind, "--schema")
        if code or not purposes[kind] or f"{kind}: {purposes[kind].split()[0]}" not in shown:
            wrong.append(f"{kind}: {shown}")
    assert wrong == []


def test_the_schema_of_a_kind_shows_nested_fields() -> None:
    """Names, values, defaults, and whether a field is required; for programs as a JSON schema without the envelope."""
    _, shown = _run("request", "supersede", "--schema")
    assert "memory_id uuid, required" in shown
    assert 'replacement.tier personal | project | task, default "personal"' in shown
    _, listed = _run("request", "remember", "--schema")
    assert "memories[].content string, required" in listed
    _, document = _run("request", "tag", "--schema", "--json")
    assert json.loads(document)["properties"].keys() == {"memory_id", "version", "tags"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tag", "x", "pets"], "eunoe memory request tag --tenant acme --user ada"),
        (["revise", "x", "--content", "y"], '"content": "..."'),
        (["collection", "add", "x", "y"], "eunoe memory request add_members"),
        (["session", "open", "s1"], "eunoe memory request open_session"),
        (["directive", "list"], "eunoe memory request list_directives"),
        (["consolidation", "replace"], "consolidation_groups"),
        (["supersede", "x", "y"], "takes over nothing from the old one: name the tier, the tags"),
        (["collection"], "create_collection or "),
    ],
)
def test_a_former_command_names_its_request(words: list[str], said: str) -> None:
    """Someone with an old habit reads the request to send instead."""
    code, shown = _run(*words, *_SCOPE)
    assert (code, said in shown) == (2, True), shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tagg", "{}"], "'tagg' is not a kind of request: did you mean tag or untag?"),
        (["tag", "[1]"], "a JSON object is needed"),
        (["tag", "{"], "this is not JSON"),
        (["tag", '{"kind": "tag", "user_id": "ben"}'], "leave kind, user_id out of the JSON"),
        (["tag", '{"tags": ["a"]}'], "memory_id: Field required"),
        (["walk", '{"memory_id": "x"}'], "memory_id: Input should be a valid UUID"),
        (
            ["feedback", '{"memory_id": "33333333-3333-4333-8333-333333333333", "score": 7}'],
            "than or equal to 1 (got 7)",
        ),
        (
            ["list", '{"filter": {"tiers": ["forever"]}}'],
            "Input should be 'personal', 'project' or 'task' (got 'forever')",
        ),
        (["list", '{"colour": 1}'], "colour: Extra inputs are not permitted (got 1)"),
        (["list_sessions"], "agent_id and user_id"),
        (["admin_search", '{"words": "x"}'], "leave out --agent and --user"),
    ],
)
def test_a_wrong_request_is_refused_before_any_server_is_contacted(words: list[str], said: str) -> None:
    """The error names the field, its value and what is allowed."""
    code, shown = _run("request", *words, *_SCOPE)
    assert code in {1, 2}  # 1: this runner does not map Eunoe's errors to exit codes
    assert said in shown


def test_a_request_needs_a_tenant_and_an_owner() -> None:
    """Both are options, so that the JSON is the same for everyone."""
    assert "give --tenant" in _run("request", "list")[1]
    assert "give --agent, --user, or both" in _run("request", "list", "--tenant", "acme")[1]
