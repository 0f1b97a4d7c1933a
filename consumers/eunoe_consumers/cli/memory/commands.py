"""The commands of `eunoe memory`, in the order of its help."""

from collections.abc import Callable

import typer

from eunoe_consumers.cli.memory.find import admin_search, get, history, list_, search
from eunoe_consumers.cli.memory.remember import remember
from eunoe_consumers.cli.memory.request import example_call, request
from eunoe_consumers.cli.memory.transitions import TRANSITIONS, purge, transition
from eunoe_schema.memory.base import request_kinds, request_model

_FIND, _CHANGE, _MORE = "Remember and find", "Change the state of a memory", "Everything else"
_SCOPE = "--tenant acme --user ada"
_ID = "33333333-3333-4333-8333-333333333333"

app = typer.Typer(
    no_args_is_help=True,
    help="Curated memory: remember, find and change memories of a user, an agent, or both. These commands need a "
    "running curate consumer (`eunoe consume curate`).",
    epilog=f'Example: eunoe memory remember {_SCOPE} "Ada\'s cat is called Minka."',
)


def _add(name: str, command: Callable[..., None], panel: str, example: str, help_: str | None = None) -> None:
    epilog = f"Example: eunoe memory {name} {example}"
    app.command(name, help=help_, epilog=epilog, rich_help_panel=panel)(command)


_add("remember", remember, _FIND, f'{_SCOPE} "Minka is a cat." --tag pets --metadata \'{{"species": "cat"}}\'')
_add("list", list_, _FIND, f"{_SCOPE} --tier personal --metadata '{{\"stressor\": true}}' --all")
_add("search", search, _FIND, f'{_SCOPE} "Which pets are there?" --limit 3 --min-cosine 0.3')
_add("get", get, _FIND, f"{_SCOPE} {_ID}")
_add("history", history, _FIND, f"{_SCOPE} {_ID}")
for _action, _help in TRANSITIONS.items():
    _add(_action, transition(_action), _CHANGE, f"{_SCOPE} {_ID}", _help)
_add("purge", purge, _CHANGE, f"{_SCOPE} {_ID} --yes")
_add("request", request, _MORE, f'revise {_SCOPE} \'{{"memory_id": "{_ID}", "content": "Minka is a tabby."}}\'')
_add("admin-search", admin_search, _MORE, '--tenant acme --words "minka cat" --status active')

_FORMER_GROUPS = ("collection", "session", "checkpoint", "directive", "consolidation")
# Kinds of a former group whose names do not contain the group's name.
_OTHER_KINDS = {"collection": ("add_members", "remove_members"), "consolidation": ("merge",)}


def _former(name: str) -> Callable[[typer.Context], None]:
    """Return a hidden command that replaces a command of earlier versions: it names the request to use instead."""

    def refuse(context: typer.Context) -> None:
        kinds = [name]
        if name in _FORMER_GROUPS:
            verb = context.args[0] if context.args else ""
            kinds = [kind for kind in request_kinds() if name in kind or kind in _OTHER_KINDS.get(name, ())]
            kinds = [kind for kind in kinds if kind.startswith(f"{verb}_")] or kinds
        if len(kinds) > 1:
            context.fail(
                "use a request: eunoe memory request KIND '{...}'. `eunoe memory request KIND --schema` shows the "
                f"fields of a kind: {' or '.join(kinds)}."
            )
        (kind,) = kinds
        # All but the summary: it may say how the request differs from the former command.
        details = "".join(f"{word} " for word in (request_model(kind).__doc__ or "").partition("\n")[2].split())
        context.fail(
            f"use a request: {example_call(kind)}. {details}`eunoe memory request {kind} --schema` shows all fields."
        )

    return refuse


for _name in sorted({*request_kinds(), *_FORMER_GROUPS} - {command.name for command in app.registered_commands}):
    app.command(_name, hidden=True, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(
        _former(_name)
    )
