"""The demo's last step: remember some memories, and show the prompt that contains them."""

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from eunoe_producers import Curator, Orchestrator, PromptContext
from eunoe_schema import Scope
from eunoe_schema.memory import MemoryScope, NewMemory, Tier

_DEADLINE_SECONDS = 30.0
_SHOWN_CHARS = 100
_QUESTION = "What shall I cook on Friday?"
_DIRECTIVE = "Answer in at most three sentences."
_PERSONAL, _PROJECT = "Ada cooks for two, and likes it mild.", "Ada is learning to cook one new dish a week."


async def remember_and_recall(
    console: Console, curator: Curator, orchestrator: Orchestrator, scope: Scope, other: Scope
) -> dict[str, bool]:
    """Remember memories, show the prompt of a model call, and return which promises hold."""
    user = MemoryScope(tenant_id=scope.tenant_id, user_id=scope.user_id)  # with every agent
    agent = MemoryScope(tenant_id=scope.tenant_id, agent_id=scope.agent_id)  # with every user
    new = [NewMemory(content=_PERSONAL), NewMemory(content=_PROJECT, tier=Tier.PROJECT)]
    made = await curator.remember(user, *new, deadline=_DEADLINE_SECONDS)
    again = await curator.remember(user, NewMemory(content=_PERSONAL), deadline=_DEADLINE_SECONDS)
    await curator.directives.set(agent, "length", _DIRECTIVE, deadline=_DEADLINE_SECONDS)

    context = await _recall(orchestrator, scope)
    others = await _recall(orchestrator, other)
    prompt = context.to_prompt("You are Virgil.", _QUESTION, token_budget=400)
    shown = Text()
    for message in prompt.messages:
        shown.append(f"{message['role']}: ", "bold").append(f"{_shortened(message['content'])}\n")
    console.print(
        Panel(
            shown.append(
                f"remembering the same content again raises its confidence from {made[0].memory.confidence:.2f} to "
                f"{again[0].memory.confidence:.2f}",
                "dim",
            ),
            title="curated memories and a directive in the prompt of a model call",
            title_align="left",
            border_style="green",
        )
    )
    return {
        "the same content is remembered once": again[0].memory.id == made[0].memory.id,
        "memories come in order of tier": [memory.content for memory in context.memories] == [_PERSONAL, _PROJECT],
        "a directive of the agent comes for every user": [d.content for d in context.directives]
        == [_DIRECTIVE]
        == [d.content for d in others.directives],
        f"{other.user_id} sees none of {scope.user_id}'s memories": others.memories == (),
    }


async def _recall(orchestrator: Orchestrator, scope: Scope) -> PromptContext:
    return await orchestrator.recall(
        scope, _QUESTION, top_k=2, window=1, tiers=[Tier.PROJECT], deadline=_DEADLINE_SECONDS
    )


def _shortened(content: str) -> str:
    lines = content.splitlines()
    return "\n".join(line if len(line) <= _SHOWN_CHARS else f"{line[: _SHOWN_CHARS - 3]}..." for line in lines)
