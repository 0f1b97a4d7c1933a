"""The demo's story: publish, wait until every message is stored, ask, and check each result."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from eunoe_consumers.delivery.redis_client import connect_redis
from eunoe_consumers.delivery.stream_figures import read_figures
from eunoe_consumers.demo.curated import remember_and_recall
from eunoe_consumers.demo.sample import AGENT, Sample, SampleQuestion
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.turns import TurnReader
from eunoe_consumers.processes.supervisor import RoleProcesses
from eunoe_producers import Curator, Gateway, Orchestrator
from eunoe_schema import Context, Receipt, Scope, WindowMessage
from eunoe_schema.errors import EunoeError
from eunoe_schema.streams import Group

_BATCH = 20
_TOP_K = 5
_SHOWN_TURNS = 5
_SHOWN_WINDOW = 4
_DEADLINE_SECONDS = 30.0
_STORED_SECONDS = 120.0
_POLL_SECONDS = 0.1
_WINDOW = 20


class DemoFailed(EunoeError):
    """The messages were not stored in time."""


@dataclass
class Checks:
    """Counts the promises that hold, and lists those that do not."""

    failed: list[str] = field(default_factory=list[str])
    passed: int = 0

    def expect(self, promise: str, *, holds: bool) -> bool:
        """Record a promise; return whether it holds."""
        if holds:
            self.passed += 1
        else:
            self.failed.append(promise)
        return holds


class Story:
    """Runs the demo against running servers and roles, and shows it on a console."""

    def __init__(self, sample: Sample, console: Console, roles: RoleProcesses) -> None:
        self._sample = sample
        self._console = console
        self._roles = roles
        self._checks = Checks()

    async def run(self, redis_url: str, database_url: str) -> Checks:
        """Run every step; return the checks."""
        async with await Gateway.connect(redis_url) as gateway, await Orchestrator.connect(redis_url) as orchestrator:
            await self._publish(gateway)
            await self._wait_until_stored(redis_url)
            async with await Database.connect(database_url, connections=1) as database:
                await self._check_stored_turns(TurnReader(database))
            ada = self._scope(self._sample.events[0].user_id)
            await self._show_window(orchestrator, ada)
            for number, question in enumerate(self._sample.questions, start=1):
                await self._ask(orchestrator, ada, number, question)
            await self._ask_as_other(orchestrator, ada)
            await self._remember(redis_url, orchestrator, ada)
        return self._checks

    def _scope(self, user_id: str) -> Scope:
        return Scope(tenant_id=self._sample.events[0].tenant_id, agent_id=AGENT, user_id=user_id)

    def _event_ids(self, user_id: str) -> list[str]:
        return [event.event_id for event in self._sample.events if event.user_id == user_id]

    def _bar(self) -> Progress:
        return Progress(
            TextColumn("{task.description:<22}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
        )

    async def _publish(self, gateway: Gateway) -> None:
        events = self._sample.events
        with self._bar() as bar:
            task = bar.add_task("published", total=len(events))
            for start in range(0, len(events), _BATCH):
                outcomes = await gateway.publish_many(events[start : start + _BATCH])
                new = [outcome for outcome in outcomes if isinstance(outcome, Receipt) and not outcome.duplicate]
                self._checks.expect("every message is published", holds=len(new) == len(outcomes))
                bar.advance(task, len(new))
        again = await gateway.publish(events[0])
        self._checks.expect("a message published again is a duplicate", holds=again.duplicate)

    async def _wait_until_stored(self, redis_url: str) -> None:
        redis = await connect_redis(redis_url, wait_seconds=10)
        total, ends_at = len(self._sample.events), time.monotonic() + _STORED_SECONDS
        try:
            with self._bar() as bar:
                tasks = {
                    Group.WINDOW: bar.add_task("in the windows", total=total),
                    Group.EMBED: bar.add_task("embedded and stored", total=total),
                }
                while True:
                    groups = [group for group in (await read_figures(redis)).groups if group.group in tasks]
                    for group in groups:
                        bar.update(tasks[group.group], completed=total - group.unfinished if group.exists else 0)
                    if all(group.exists and not group.unfinished for group in groups):
                        return
                    self._roles.check()
                    if time.monotonic() > ends_at:
                        left = ", ".join(f"{group.group}: {group.unfinished}" for group in groups)
                        raise DemoFailed(f"messages are still unfinished after {_STORED_SECONDS:g} s ({left})")
                    await asyncio.sleep(_POLL_SECONDS)
        finally:
            await redis.aclose()

    async def _check_stored_turns(self, turns: TurnReader) -> None:
        users = dict.fromkeys(event.user_id for event in self._sample.events)
        for user_id in users:
            stored = [turn.event_id for turn in await turns.last(self._scope(user_id), len(self._sample.events))]
            self._checks.expect(
                f"every message of {user_id} is stored once and in order", holds=stored == self._event_ids(user_id)
            )

    async def _show_window(self, orchestrator: Orchestrator, scope: Scope) -> None:
        context = await self._recall(orchestrator, scope, self._sample.questions[0].question)
        held = [message.event_id for message in context.window]
        holds = self._checks.expect(
            f"the window holds the last {_WINDOW} messages in order",
            holds=held == self._event_ids(scope.user_id)[-_WINDOW:],
        )
        self._console.print(
            Panel(
                _conversation(context.window[-_SHOWN_WINDOW:]),
                title=f"the newest messages of {scope.user_id}'s window, which holds the last {len(held)}",
                border_style="green" if holds else "red",
                title_align="left",
            )
        )

    async def _ask(self, orchestrator: Orchestrator, scope: Scope, number: int, question: SampleQuestion) -> None:
        context = await self._recall(orchestrator, scope, question.question)
        recalled = [turn.event_id for turn in context.turns]
        distance = len(ids := self._event_ids(scope.user_id)) - min(ids.index(event) for event in question.evidence)
        found = self._checks.expect(
            f"question {number} finds its answer", holds=bool(set(question.evidence) & set(recalled[:_SHOWN_TURNS]))
        )
        in_window = {message.event_id for message in context.window}
        self._checks.expect(
            f"question {number}: messages of the window are not repeated", holds=not in_window & set(recalled)
        )
        table = Table(title_justify="left", title_style="bold", expand=True)
        table.title = Text.assemble(
            (f"{number}. {question.question}  ", "bold"), (f"answered {distance} messages ago", "dim")
        )
        table.add_column("score", justify="right", width=6)
        table.add_column("cosine", justify="right", width=7)
        table.add_column("session", width=8)
        table.add_column("turn")
        for turn in context.turns[:_SHOWN_TURNS]:
            style = "green" if turn.event_id in question.evidence else "dim"
            table.add_row(
                f"{turn.score:.3f}",
                f"{turn.cosine:.3f}",
                turn.session_id,
                f"{turn.speaker}: {turn.content}",
                style=style,
            )
        self._console.print(table)
        timings = context.timings
        spent = (
            f"{timings.total_ms:.1f} ms: embed {timings.embed_ms:.1f}, window {timings.window_ms:.1f}, "
            f"turns {timings.turns_ms:.1f}"
        )
        self._console.print(
            Text.assemble(
                ("   found" if found else "   not found", "green" if found else "red"),
                f": {question.answer}\n",
                (f"   {spent}\n", "dim"),
            )
        )

    async def _ask_as_other(self, orchestrator: Orchestrator, first: Scope) -> None:
        isolation = self._sample.isolation
        context = await self._recall(orchestrator, self._scope(isolation.user_id), isolation.question, top_k=100)
        own, foreign = set(self._event_ids(isolation.user_id)), set(self._event_ids(first.user_id))
        seen = {item.event_id for item in (*context.window, *context.turns)}
        text = " ".join(item.content for item in (*context.window, *context.turns)).lower()
        holds = self._checks.expect(
            f"{isolation.user_id} sees all his own messages and none of {first.user_id}'s",
            holds=seen == own and not seen & foreign and not any(word in text for word in isolation.forbidden_words),
        )
        best = context.turns[0]
        self._console.print(
            Panel(
                Text.assemble(
                    f"{isolation.question}\n",
                    (f"best of his {len(seen)} messages; none of {first.user_id}'s {len(foreign)} is found: ", "dim"),
                    f"{best.speaker}: {best.content} ",
                    (f"({best.cosine:.3f})", "dim"),
                ),
                title=f"the same agent, asked by {isolation.user_id}",
                border_style="green" if holds else "red",
                title_align="left",
            )
        )

    async def _remember(self, redis_url: str, orchestrator: Orchestrator, first: Scope) -> None:
        other = self._scope(self._sample.isolation.user_id)
        async with await Curator.connect(redis_url) as curator:
            results = await remember_and_recall(self._console, curator, orchestrator, first, other)
        for promise, holds in results.items():
            self._checks.expect(promise, holds=holds)

    async def _recall(self, orchestrator: Orchestrator, scope: Scope, query: str, top_k: int = _TOP_K) -> Context:
        context = await orchestrator.recall(scope, query, top_k=top_k, deadline=_DEADLINE_SECONDS)
        self._checks.expect("every reply is complete", holds=not context.missing)
        return context


def _conversation(messages: Sequence[WindowMessage]) -> Text:
    return Text("\n").join(
        Text.assemble((message.speaker or message.role, "bold"), f": {message.content}") for message in messages
    )
