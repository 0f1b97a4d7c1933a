"""`eunoe memory injected` and `feedback`: what became of memories that were returned."""

from typing import Annotated

import typer

from eunoe_consumers.cli.memory import examples
from eunoe_consumers.cli.memory.bundles import command
from eunoe_consumers.cli.memory.call import CommandCall, answer
from eunoe_consumers.cli.memory.options import MemoriesArgument, MemoryArgument, Repeatable
from eunoe_consumers.cli.memory.panels import USE

app = typer.Typer()
_WORDS = {"useful": 1.0, "useless": 0.0}


def _score(text: str) -> float:
    """Return how useful something was, 0..1.

    Raises:
        BadParameter: If `text` does not say.
    """
    try:
        score = _WORDS[text] if text in _WORDS else float(text)
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        msg = f"{text!r} is neither useful, nor useless, nor a number from 0 to 1"
        raise typer.BadParameter(msg)
    return score


@command(app, f"eunoe memory injected {examples.BOTH} {examples.ONE} {examples.OTHER}", panel=USE)
def injected(memory_ids: MemoriesArgument, *, call: CommandCall) -> None:
    """Tell that memories were put into a prompt.

    It is noted by a curate consumer as soon as one runs; what does not apply to the scope is passed over.
    """
    call.change(lambda curator, scope: curator.injected(scope, *memory_ids, deadline=call.seconds))
    answer(call, {"told": len(memory_ids)}, f"told of {len(memory_ids)}; a curate consumer notes it")


@command(app, f"eunoe memory feedback {examples.WHOSE} {examples.ONE} useful", panel=USE)
def feedback(
    memory_id: MemoryArgument,
    score: Annotated[
        float,
        typer.Argument(
            parser=_score, metavar="SCORE", help="How useful it was: useful, useless, or a number from 0 to 1."
        ),
    ],
    *,
    change: Repeatable,
    call: CommandCall,
) -> None:
    """Tell whether a memory helped: its usefulness moves by a fifth of the way to the score.

    It is noted by a curate consumer as soon as one runs; what does not apply to the scope is passed over.
    """
    call.change(
        lambda curator, scope: curator.feedback(
            scope, memory_id, score, request_id=change.request_id, deadline=call.seconds
        )
    )
    answer(call, {"told": 1, "score": score}, f"told that {memory_id} is worth {score:g}; a curate consumer notes it")
