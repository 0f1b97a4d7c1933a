"""Prompt assembly: a context becomes the messages of a model call.

The order is system K's: the system prompt, one system message with directives and memories, one with what is relevant
from past conversations, the window as it was said, the current message. The current message is on the stream before the
reply is made, so window and turns may hold it already: it is left out of both, and its text occurs once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING
from uuid import UUID

from eunoe_schema.errors import EunoeError
from eunoe_schema.receipts import Receipt

if TYPE_CHECKING:  # recall.py offers this module's function as a method of Context
    from eunoe_schema.memory.recalled import RecalledMemory
    from eunoe_schema.recall import Context, Turn, WindowMessage

DIRECTIVES = "Standing instructions:"
MEMORIES = "What is remembered:"
RELEVANT = "Relevant context from past conversations:"

# A message costs its text and about four tokens around it in the chat formats in use (OpenAI's cookbook counts three to
# four). Without a tokenizer, four characters a token is the usual estimate for English; it is too low for CJK text.
MESSAGE_TOKENS = 4
_CHARS_PER_TOKEN = 4


class BudgetTooSmall(EunoeError):
    """System prompt, directives and current message alone exceed the token budget."""

    def __init__(self, needed: int, budget: int) -> None:
        self.needed = needed
        self.budget = budget
        super().__init__(
            f"system prompt, directives and current message take {needed} tokens, the budget is {budget}: raise it"
        )


@dataclass(frozen=True)
class Prompt:
    """The messages of a model call, and what the budget cut.

    Attributes:
        messages: OpenAI-style `{"role", "content"}`.
        tokens: What they take, as counted.
        dropped_window: Window messages that were cut, oldest first.
        dropped_turns: Turns that were cut, best first.
        memory_ids: Memories that are in the prompt: what to tell `Curator.injected`.
        dropped_memories: Memories that were cut.
    """

    messages: list[dict[str, str]]
    tokens: int
    dropped_window: "tuple[WindowMessage, ...]" = ()
    dropped_turns: "tuple[Turn, ...]" = ()
    memory_ids: tuple[UUID, ...] = ()
    dropped_memories: "tuple[RecalledMemory, ...]" = ()


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text as a quarter of its characters; pass a real tokenizer where it matters."""
    return ceil(len(text) / _CHARS_PER_TOKEN)


def assemble(
    context: "Context",
    system_prompt: str,
    user_message: str,
    *,
    current: Receipt | str | None = None,
    token_budget: int | None = None,
    count_tokens: Callable[[str], int] = estimate_tokens,
) -> Prompt:
    """Assemble the prompt of a model call.

    Args:
        context: What recall returned.
        system_prompt: The agent's own.
        user_message: The message being answered.
        current: Its receipt or event id, so that it is left out of window and turns; needed only where the recall did
            not name it in `after` or `exclude`.
        token_budget: What the messages may take altogether. The newest window message, the first memory and the best
            turn are taken by turns; each of the three ends with the first of its items that no longer fits, so that the
            oldest window messages, the last memories and the weakest turns are dropped, and whole ones only. None for
            no bound.
        count_tokens: Counts the tokens of a text; four more are added for each message.

    Raises:
        BudgetTooSmall: If not even system prompt, directives and current message fit.
    """
    event_id = current.event_id if isinstance(current, Receipt) else current
    window = [message for message in context.window if event_id is None or message.event_id != event_id]
    turns = [turn for turn in context.turns if event_id is None or turn.event_id != event_id]
    directives = [_item(directive.content) for directive in context.directives]
    memories = [_item(memory.content) for memory in context.memories]
    lines = [_line(turn) for turn in turns]
    budget = _Budget(token_budget, count_tokens)
    budget.take_all([system_prompt, user_message, *_section(DIRECTIVES, directives)])
    kept = budget.fill(
        [_Item((message.content,), MESSAGE_TOKENS) for message in reversed(window)],
        _items(MEMORIES, memories, heading_tokens=2 if directives else MESSAGE_TOKENS),
        _items(RELEVANT, lines, heading_tokens=MESSAGE_TOKENS),
    )
    kept_window, kept_memories, kept_turns = window[len(window) - kept[0] :], memories[: kept[1]], lines[: kept[2]]

    standing = [*_section(DIRECTIVES, directives), *_section(MEMORIES, kept_memories)]
    relevant = _section(RELEVANT, kept_turns)
    messages = [{"role": "system", "content": system_prompt}]
    messages += [{"role": "system", "content": "\n\n".join(parts)} for parts in (standing, relevant) if parts]
    messages += [{"role": message.role, "content": message.content} for message in kept_window]
    messages.append({"role": "user", "content": user_message})
    return Prompt(
        messages,
        budget.used,
        dropped_window=tuple(window[: len(window) - len(kept_window)]),
        dropped_turns=tuple(turns[len(kept_turns) :]),
        memory_ids=tuple(memory.id for memory in context.memories[: len(kept_memories)]),
        dropped_memories=context.memories[len(kept_memories) :],
    )


@dataclass(frozen=True)
class _Item:
    """Texts that are taken together, and the tokens of what stands around them."""

    texts: Sequence[str]
    around: int


def _items(heading: str, lines: Sequence[str], *, heading_tokens: int) -> list[_Item]:
    """Return a section's lines, each with its line break; the first brings the heading along."""
    first = [_Item((heading, line), heading_tokens + 1) for line in lines[:1]]
    return first + [_Item((line,), 1) for line in lines[1:]]


def _section(heading: str, lines: Sequence[str]) -> list[str]:
    return ["\n".join([heading, *lines])] if lines else []


class _Budget:
    """Counts tokens while a prompt is filled."""

    def __init__(self, limit: int | None, count: Callable[[str], int]) -> None:
        self.used = 0
        self._limit = limit
        self._count = count

    def take_all(self, texts: Sequence[str]) -> None:
        """Take what must be there."""
        self.used += sum(self._count(text) + MESSAGE_TOKENS for text in texts)
        if self._limit is not None and self.used > self._limit:
            raise BudgetTooSmall(self.used, self._limit)

    def fill(self, *sources: Sequence[_Item]) -> list[int]:
        """Take the first item of each source, then the second, as far as they fit; return how many of each.

        A source ends with the first of its items that no longer fits.
        """
        taken = [0] * len(sources)
        is_open = [bool(source) for source in sources]
        while any(is_open):
            for number, source in enumerate(sources):
                if is_open[number]:
                    item = source[taken[number]]
                    fits = self._take(sum(map(self._count, item.texts)) + item.around)
                    taken[number] += fits
                    is_open[number] = fits and taken[number] < len(source)
        return taken

    def _take(self, tokens: int) -> bool:
        if self._limit is not None and self.used + tokens > self._limit:
            return False
        self.used += tokens
        return True


def _line(turn: "Turn") -> str:
    """Return a turn as a line of the context message: when, who, what."""
    said = turn.occurred_at or turn.created_at
    return _item(f"[{said:%Y-%m-%d}] {turn.speaker or turn.role}: {turn.content}")


def _item(text: str) -> str:
    """Return a text as an item of a list.

    Its further lines are indented: what a user once wrote can begin no item, and no heading, of its own.
    """
    return "- " + "\n  ".join(text.splitlines())
