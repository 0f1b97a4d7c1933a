"""Prompt assembly: a context becomes the messages of a model call.

The order is system K's: the system prompt, one system message with what is relevant from past conversations, the window
as it was said, the current message. The current message is on the stream before the reply is made, so window and turns
may hold it already: it is left out of both, and its text occurs once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from eunoe_schema.errors import EunoeError
from eunoe_schema.receipts import Receipt

if TYPE_CHECKING:  # recall.py offers this module's function as a method of Context
    from eunoe_schema.recall import Context, Turn, WindowMessage

RELEVANT = "Relevant context from past conversations:"

# A message costs its text and about four tokens around it in the chat formats in use (OpenAI's cookbook counts three to
# four). Without a tokenizer, four characters a token is the usual estimate for English; it is too low for CJK text.
MESSAGE_TOKENS = 4
_CHARS_PER_TOKEN = 4


class BudgetTooSmall(EunoeError):
    """The system prompt and the current message alone exceed the token budget."""

    def __init__(self, needed: int, budget: int) -> None:
        self.needed = needed
        self.budget = budget
        super().__init__(f"system prompt and current message take {needed} tokens, the budget is {budget}: raise it")


@dataclass(frozen=True)
class Prompt:
    """The messages of a model call, and what the budget cut.

    Attributes:
        messages: OpenAI-style `{"role", "content"}`.
        tokens: What they take, as counted.
        dropped_window: Window messages that were cut, oldest first.
        dropped_turns: Turns that were cut, best first.
    """

    messages: list[dict[str, str]]
    tokens: int
    dropped_window: "tuple[WindowMessage, ...]" = ()
    dropped_turns: "tuple[Turn, ...]" = ()


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
        token_budget: What the messages may take altogether. The newest window message and the best turn are taken by
            turns; each side ends with the first of its items that no longer fits, so that the oldest window messages
            and the weakest turns are dropped, and whole ones only. None for no bound.
        count_tokens: Counts the tokens of a text; four more are added for each message.

    Raises:
        BudgetTooSmall: If not even system prompt and current message fit.
    """
    event_id = current.event_id if isinstance(current, Receipt) else current
    window = [message for message in context.window if event_id is None or message.event_id != event_id]
    turns = [turn for turn in context.turns if event_id is None or turn.event_id != event_id]
    budget = _Budget(token_budget, count_tokens)
    budget.take_all([system_prompt, user_message])
    kept_window, kept_turns = budget.fill(window, turns)

    messages = [{"role": "system", "content": system_prompt}]
    if kept_turns:
        messages.append({"role": "system", "content": "\n".join([RELEVANT, *map(_line, kept_turns)])})
    messages += [{"role": message.role, "content": message.content} for message in kept_window]
    messages.append({"role": "user", "content": user_message})
    return Prompt(
        messages,
        budget.used,
        dropped_window=tuple(window[: len(window) - len(kept_window)]),
        dropped_turns=tuple(turns[len(kept_turns) :]),
    )


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

    def fill(
        self, window: "Sequence[WindowMessage]", turns: "Sequence[Turn]"
    ) -> "tuple[Sequence[WindowMessage], Sequence[Turn]]":
        """Take the newest window messages and the best turns, one of each by turns, as far as they fit."""
        newest, best = 0, 0
        window_open, turns_open = bool(window), bool(turns)
        while window_open or turns_open:
            if window_open:
                taken = self._take(self._count(window[-newest - 1].content) + MESSAGE_TOKENS)
                newest += taken
                window_open = taken and newest < len(window)
            if turns_open:
                heading = self._count(RELEVANT) + MESSAGE_TOKENS if best == 0 else 0
                taken = self._take(heading + self._count(_line(turns[best])) + 1)  # and its line break
                best += taken
                turns_open = taken and best < len(turns)
        return window[len(window) - newest :], turns[:best]

    def _take(self, tokens: int) -> bool:
        if self._limit is not None and self.used + tokens > self._limit:
            return False
        self.used += tokens
        return True


def _line(turn: "Turn") -> str:
    """Return a turn as a line of the context message: when, who, what."""
    said = turn.occurred_at or turn.created_at
    return f"- [{said:%Y-%m-%d}] {turn.speaker or turn.role}: {turn.content}"
