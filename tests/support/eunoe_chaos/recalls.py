"""An orchestrator that asks for context all along, and once of every scope when the storm is over."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from eunoe_chaos.ledger import Conversation, Ledger
from eunoe_producers import Orchestrator, RecallTimeout, RedisUnavailable
from eunoe_schema import Context, EunoeError
from eunoe_schema.entries import EntryOrder

_ASKERS = 6
_PAUSE_SECONDS = 0.05
_DEADLINE_SECONDS = 5.0
_FINAL_DEADLINE_SECONDS = 30.0
_FINAL_ASKERS = 16
_QUESTION = "What about the harbour, the lantern and the museum?"


class Asker:
    """Asks, and looks at what comes back.

    Attributes:
        whole: Answers with all that was asked for.
        partial: Answers that name a part that is missing.
        late: Questions that ended with a clear error: no reply in time, or no Redis.
        unclear: Any other end, by error; there must be none.
        foreign: Messages and turns of another scope in an answer.
        disordered: Windows in an answer that were out of order, or held a message twice.
        wrong: Answers after the storm that are missing, partial, or not the conversation's last messages.
    """

    def __init__(self, orchestrator: Orchestrator, ledger: Ledger, *, seed: int) -> None:
        self._orchestrator = orchestrator
        self._ledger = ledger
        self._dice = Random(seed)  # noqa: S311 - repeatable, not secret
        self.whole = self.partial = self.late = 0
        self.foreign = self.disordered = self.wrong = 0
        self.unclear: Counter[str] = Counter()

    async def run(self, over: Callable[[], bool]) -> None:
        """Ask until the storm is over."""
        await asyncio.gather(*(self._run(over) for _ in range(_ASKERS)))

    async def ask_all(self, window_messages: int) -> None:
        """Ask every scope once; nothing is an excuse now."""
        waiting = list(self._ledger.conversations)

        async def ask() -> None:
            while waiting:
                conversation = waiting.pop()
                context = await self._ask(conversation, None, _FINAL_DEADLINE_SECONDS)
                expected = [event.entry_id for event in conversation.accepted()[-window_messages:]]
                if context is None or context.missing or [message.id for message in context.window] != expected:
                    self.wrong += 1

        await asyncio.gather(*(ask() for _ in range(_FINAL_ASKERS)))

    async def _run(self, over: Callable[[], bool]) -> None:
        while not over():
            conversation = self._dice.choice(self._ledger.conversations)
            last = next((event for event in reversed(conversation.events) if event.entry_ids), None)
            after = last.entry_id if last and self._dice.random() < 1 / 2 else None
            await self._ask(conversation, after, _DEADLINE_SECONDS)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _ask(self, conversation: Conversation, after: str | None, deadline_seconds: float) -> Context | None:
        try:
            context = await self._orchestrator.recall(
                conversation.scope, _QUESTION, after=after, deadline=deadline_seconds
            )
        except (RecallTimeout, RedisUnavailable):
            self.late += 1
            return None
        except EunoeError as error:
            self.unclear[f"{type(error).__name__}: {error}"] += 1
            return None
        self.partial += bool(context.missing)
        self.whole += not context.missing
        self._check(conversation, context)
        return context

    def _check(self, conversation: Conversation, context: Context) -> None:
        contents = [message.content for message in (*context.window, *context.turns)]
        self.foreign += sum(not content.startswith(conversation.mark) for content in contents)
        orders = _orders([message.id for message in context.window])
        self.disordered += orders != sorted(set(orders))


def _orders(entry_ids: Sequence[str | None]) -> list[EntryOrder]:
    return [EntryOrder.parse(entry_id) for entry_id in entry_ids if entry_id]
