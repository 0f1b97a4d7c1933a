"""`eunoe memory remember`: one memory, or a file of them."""

from pathlib import Path
from typing import Annotated

import typer

from eunoe_consumers.cli.memory import examples
from eunoe_consumers.cli.memory.bundles import command
from eunoe_consumers.cli.memory.call import CommandCall, answer
from eunoe_consumers.cli.memory.memory_lines import read_lines, remember_lines
from eunoe_consumers.cli.memory.options import Fields, Origin, Repeatable
from eunoe_consumers.cli.memory.panels import FIND
from eunoe_consumers.cli.memory.show import memories_table
from eunoe_consumers.cli.options import text_or_input
from eunoe_schema.memory import Remembered

app = typer.Typer()


@command(
    app,
    f'eunoe memory remember {examples.WHOSE} "Minka is a cat." --tag pets --metadata \'{{"species": "cat"}}\'',
    panel=FIND,
)
def remember(
    content: Annotated[
        str | None, typer.Argument(help="The text, 1..8,192 characters; - reads it from standard input.")
    ] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            allow_dash=True,
            metavar="PATH",
            help="Instead of a text: JSON lines, each with a `content` and the fields that the options name (tier, "
            "tags, metadata, expires_at ...), whose options are the defaults; - reads standard input.",
        ),
    ] = None,
    fields: Fields,
    origin: Origin,
    change: Repeatable,
    call: CommandCall,
) -> None:
    """Remember a text, or every line of a file.

    What its owner holds already (but for case and white space) is not made again: it is confirmed, and its confidence
    rises. Others that say nearly the same are shown, to be merged if you agree.

    A file is checked to its end first: with a wrong line nothing is remembered. Then it is sent in requests of 100
    lines, each done as a whole or not at all; after a failure the same command with the --request-id that it names
    goes on, and confirms nothing twice.
    """
    if (content is None) == (file is None):
        msg = "give either a text or --file"
        raise typer.BadParameter(msg)
    session = origin.ref(call)
    if file is not None:
        remember_lines(call, read_lines(file, fields.given(session)), change.request_id)
        return
    new = fields.new_memory(text_or_input(content or ""), session)
    (one,) = call.change(
        lambda curator, scope: curator.remember(scope, new, request_id=change.request_id, deadline=call.seconds)
    )
    answer(call, {"remembered": [one.model_dump(mode="json")]}, _sentence(one, review=fields.review))
    if one.candidates and not call.as_json:
        near = memories_table(
            ((found.memory, f"cosine {found.cosine:.3f}") for found in one.candidates),
            title="these say nearly the same (`eunoe memory merge`)",
        )
        answer(call, {}, near)


def _sentence(one: Remembered, *, review: bool) -> str:
    if review and not one.created and one.memory.status == "active":
        return f"{one.id} says so already, and counts: nothing has changed, and nothing awaits review"
    if one.created:
        awaits = ", and awaits review" if one.memory.status == "pending_review" else ""
        return f"remembered as {one.id}{awaits}"
    return f"confirmed {one.id}, which says so already: its confidence is {one.memory.confidence:.3g} now"
