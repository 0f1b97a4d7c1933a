"""An orchestrator that recalls during the storm, and once for every scope afterwards."""

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
    """Recalls contexts and checks them.

    Attributes:
        whole: Complete replies.
        partial: Replies with a missing part.
        late: Recalls that ended with an expected error: no reply in time, or no Redis.
        unclear: Other errors, which must not happen.
        foreign: Messages and turns of another scope in a reply.
        disordered: Windows that were out of order or held a message twice.
        wrong: Recalls after the storm without a complete reply or without the last messages.
    """

    def __init__(self, orchestrator: Orchestrator, ledger: Ledger, *, seed: int) -> None:
        self._orchestrator = orchestrator
        self._ledger = ledger
        self._dice = Random(seed)  # noqa: S311 - repeatable, not secret
        self.whole = self.partial = self.late = 0
        self.foreign = self.disordered = self.wrong = 0
        self.unclear: Counter[str] = Counter()

    async def run(self, over: Callable[[], bool]) -> None:
        """Recall until the storm is over."""
        await asyncio.gather(*(self._run(over) for _ in range(_ASKERS)))

    async def ask_all(self, window_messages: int) -> None:
        """Recall every scope once. Every reply must be complete now."""
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
