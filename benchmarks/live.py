"""Measure whether recall helps at the moment when a message arrives, with the data set recall-live.

The data set is not in this repository. Each question is a message of a long-running conversation. It is asked when the
message has been published and nothing after it, as an orchestrator does before each model call. The same question goes
to cosine alone and to BM25 alone at the same moment.
"""

import asyncio
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from common import (
    AGENT,
    REPOSITORY,
    CannotMeasure,
    Figure,
    JsonOption,
    Observer,
    Report,
    RunningSystem,
    command_line,
    machine,
    observe,
    progress_bars,
    rounded,
    run,
    running_system,
)
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from eunoe_consumers.postgres.database import Database
from eunoe_consumers.recall.answer import RecallAnswerer
from eunoe_consumers.recall.build import build_answerer
from eunoe_producers import Gateway, Orchestrator
from eunoe_producers.prompt import estimate_tokens
from eunoe_schema import MessageEvent, Receipt, Scope
from eunoe_schema.events import MessageRole
from eunoe_schema.recall import Context, RecallRequest
from eunoe_schema.streams import Group

DEPTHS = (5, 10, 20)
CONTEXT_TURNS = 10
TOKENS = (500, 1_000, 2_000, 4_000)
DEADLINE_SECONDS = 30.0
BOOTSTRAP_SAMPLES = 1_000
DEFAULT: Final = "default"
BASELINES = ("cosine", "bm25")
# How far the whole context must be above cosine in the same run, in points: must, aim.
BOUNDS = {"context_turns": (5.0, 12.0), "context_sessions": (2.0, 8.0)}

# The measures of one question, each a share, 0..1. A measure that does not apply is absent.
Measures = Mapping[str, float]


class MessageLine(BaseModel):
    """A line of messages.jsonl."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    persona: str
    event_id: str
    session_id: str
    role: MessageRole
    text: str
    occurred_at: AwareDatetime

    def event(self, scope: Scope) -> MessageEvent:
        """Return the event."""
        return MessageEvent(
            event_id=self.event_id,
            tenant_id=scope.tenant_id,
            agent_id=scope.agent_id,
            user_id=scope.user_id,
            role=self.role,
            content=self.text,
            session_id=self.session_id,
            occurred_at=self.occurred_at,
        )


class QueryLine(BaseModel):
    """A line of queries.jsonl. `evidence` is empty for a question whose evidence is known by session only."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    persona: str
    event_id: str
    question: str
    evidence_sessions: frozenset[str]
    evidence: frozenset[str]


@dataclass(frozen=True)
class Moment:
    """A question, and the messages since the question before it. The last message is the question itself."""

    messages: Sequence[MessageLine]
    query: QueryLine


@dataclass(frozen=True)
class Answer:
    """The measures of one question by the name of the ranking."""

    persona: str
    measures: Mapping[str, Measures]


app = command_line()


@app.command()
def main(
    *,
    data: Annotated[Path, typer.Option(help="The folder of recall-live.")] = REPOSITORY.parent / "shared/recall-live",
    as_json: JsonOption = False,
) -> None:
    """Publish the conversations of five people, and ask each question when its message has just arrived."""
    moments = load(data)
    with running_system() as system:
        settings = system.describe()
        answers = asyncio.run(ask_all(system, moments))
    questions = len(answers)
    with_turns = sum("turn_R@10" in answer.measures[DEFAULT] for answer in answers)
    about = (
        f"recall-live: {sum(len(moment.messages) for every in moments.values() for moment in every)} messages of "
        f"{len(moments)} people, one scope each, published in order through the Gateway; {questions} questions, each "
        f"asked through the Orchestrator when its message was in both stores and nothing after it, with the default "
        f"window and top_k={max(DEPTHS)}; {settings}. cosine_* and bm25_*: the same question to that ranking alone at "
        f"the same moment. Means over questions, in percent; turn figures over the {with_turns} questions whose "
        f"evidence is known by turn. context_*: the window and the first {CONTEXT_TURNS} turns. tokens_N: the share "
        f"of the evidence within the first N tokens of recalled turns. {intervals(answers)}. {machine()}."
    )
    Report("live", figures(answers), about).print(as_json=as_json)


def load(data: Path) -> dict[str, list[Moment]]:
    """Read the data set. Return the moments of each person, in order, without the messages after the last question.

    Raises:
        CannotMeasure: It is missing, or has another format.
    """
    absent = [name for name in ("messages.jsonl", "queries.jsonl") if not (data / name).is_file()]
    if absent:
        raise CannotMeasure(f"{data} lacks {', '.join(absent)}: name the folder of recall-live with --data")
    try:
        with (data / "messages.jsonl").open(encoding="utf-8") as lines:
            messages = [MessageLine.model_validate_json(line) for line in lines]
        with (data / "queries.jsonl").open(encoding="utf-8") as lines:
            queries = [QueryLine.model_validate_json(line) for line in lines]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise CannotMeasure(f"{data} has another format than recall-live: {first['loc']}: {first['msg']}") from error
    asked = {(query.persona, query.event_id): query for query in queries}
    moments: dict[str, list[Moment]] = {}
    waiting: dict[str, list[MessageLine]] = {}
    for message in messages:
        before = waiting.setdefault(message.persona, [])
        before.append(message)
        if query := asked.pop((message.persona, message.event_id), None):
            moments.setdefault(message.persona, []).append(Moment(before, query))
            waiting[message.persona] = []
    if asked:
        raise CannotMeasure(f"{data}: {len(asked)} questions name a message that is not in messages.jsonl")
    return moments


async def ask_all(system: RunningSystem, moments: Mapping[str, Sequence[Moment]]) -> list[Answer]:
    """Publish and ask in rounds: one question of each person in a round, so that people are served side by side."""
    answers: list[Answer] = []
    async with AsyncExitStack() as stack:
        progress = stack.enter_context(progress_bars())
        observer = await stack.enter_async_context(observe(system))
        gateway = await stack.enter_async_context(await Gateway.connect(system.redis_url))
        asker = await Asker.connect(system, observer, stack)
        task = progress.add_task("asking", total=sum(map(len, moments.values())))
        for number in range(max(map(len, moments.values()))):
            moments_now = [every[number] for every in moments.values() if number < len(every)]
            entries = [await _publish(gateway, system, moment) for moment in moments_now]
            await observer.await_drained(Group.WINDOW)
            await observer.await_drained(Group.EMBED)
            if number % 20 == 0:
                await observer.vacuum()
            for moment, entry in zip(moments_now, entries, strict=True):
                answers.append(await asker.ask(moment.query, entry))
                progress.advance(task)
    return answers


async def _publish(gateway: Gateway, system: RunningSystem, moment: Moment) -> str:
    """Publish the messages of a moment. Return the entry id of the question."""
    *before, question = [message.event(_scope(system, moment.query)) for message in moment.messages]
    for outcome in await gateway.publish_many(before, wait_when_full=True):
        if not isinstance(outcome, Receipt):
            raise CannotMeasure(f"a message was refused: {outcome}")
    return (await gateway.publish(question)).entry_id


def _scope(system: RunningSystem, query: QueryLine) -> Scope:
    return Scope(tenant_id=system.tenant_id, agent_id=AGENT, user_id=query.persona)


class Asker:
    """Asks one question of every ranking: the default through the Orchestrator, the baselines in this process."""

    def __init__(
        self, system: RunningSystem, orchestrator: Orchestrator, baselines: Mapping[str, RecallAnswerer]
    ) -> None:
        self._system = system
        self._orchestrator = orchestrator
        self._baselines = baselines

    @classmethod
    async def connect(cls, system: RunningSystem, observer: Observer, stack: AsyncExitStack) -> "Asker":
        """Connect the orchestrator, and load a model for each baseline."""
        orchestrator = await stack.enter_async_context(await Orchestrator.connect(system.redis_url))
        database = await stack.enter_async_context(await Database.connect(system.database_url, connections=2))
        baselines = {
            name: await build_answerer(
                system.settings.model_copy(update={"recall_ranking": name}), observer.redis, database
            )
            for name in BASELINES
        }
        return cls(system, orchestrator, baselines)

    async def ask(self, query: QueryLine, entry: str) -> Answer:
        """Ask a question whose message has the entry id `entry`.

        Raises:
            CannotMeasure: A ranking returned only a part of a context.
        """
        scope = _scope(self._system, query)
        contexts: dict[str, Context] = {
            DEFAULT: await self._orchestrator.recall(
                scope, query.question, after=entry, top_k=max(DEPTHS), deadline=DEADLINE_SECONDS
            )
        }
        request = RecallRequest(
            request_id="live",
            reply_to="nowhere",
            tenant_id=scope.tenant_id,
            agent_id=scope.agent_id,
            user_id=scope.user_id,
            query=query.question,
            after=entry,
            top_k=max(DEPTHS),
            deadline_seconds=DEADLINE_SECONDS,
        )
        for name, answerer in self._baselines.items():
            contexts[name] = await answerer.answer(request, asked_at=datetime.now(UTC), queued_ms=0)
        for name, context in contexts.items():
            if context.missing:
                raise CannotMeasure(f"{name}: {context.missing[0].part} is missing: {context.missing[0].reason}")
        return Answer(query.persona, {name: measure(context, query) for name, context in contexts.items()})


def measure(context: Context, query: QueryLine) -> Measures:
    """Return the measures of one context."""
    measures: dict[str, float] = {}
    for depth in DEPTHS:
        first = context.turns[:depth]
        sessions = {turn.session_id for turn in first}
        measures[f"session_share@{depth}"] = _share(query.evidence_sessions, sessions)
        measures[f"session_any@{depth}"] = float(bool(query.evidence_sessions & sessions))
        if query.evidence:
            measures[f"turn_R@{depth}"] = _share(query.evidence, {turn.event_id for turn in first})
    shown = [*context.window, *context.turns[:CONTEXT_TURNS]]
    measures["context_sessions"] = _share(query.evidence_sessions, {message.session_id for message in shown})
    if query.evidence:
        measures["context_turns"] = _share(query.evidence, {message.event_id for message in shown})
        for budget in TOKENS:
            measures[f"tokens_{budget}"] = _share(query.evidence, _within(context, budget))
    return measures


def _within(context: Context, budget: int) -> set[str]:
    """Return the event ids of the first recalled turns that fit into a budget of tokens."""
    fitting: set[str] = set()
    for turn in context.turns:
        budget -= estimate_tokens(turn.content)
        if budget < 0:
            break
        fitting.add(turn.event_id)
    return fitting


def _share(wanted: Collection[str], found: Collection[str | None]) -> float:
    return sum(one in found for one in wanted) / len(wanted)


def figures(answers: Sequence[Answer]) -> list[Figure]:
    """Return the figures. The advantages over cosine come first, with their bounds."""
    means = {name: _means(answer.measures[name] for answer in answers) for name in (DEFAULT, *BASELINES)}
    reported = [
        Figure(
            f"{name}_above_cosine",
            rounded(100 * (means[DEFAULT][name] - means["cosine"][name])),
            "points",
            "higher",
            *BOUNDS[name],
        )
        for name in BOUNDS
    ]
    for ranking, measures in means.items():
        prefix = "" if ranking == DEFAULT else f"{ranking}_"
        reported += [Figure(f"{prefix}{name}", rounded(100 * mean), "%", "higher") for name, mean in measures.items()]
    return reported


def _means(measures: Iterable[Measures]) -> dict[str, float]:
    """Return the mean of each measure over the questions that have it."""
    values: dict[str, list[float]] = {}
    for every in measures:
        for name, value in every.items():
            values.setdefault(name, []).append(value)
    return {name: statistics.fmean(found) for name, found in values.items()}


def intervals(answers: Sequence[Answer]) -> str:
    """Return the 95 % intervals of the advantages over cosine as text, by drawing people again and again."""
    people = sorted({answer.persona for answer in answers})
    by_person = [[answer for answer in answers if answer.persona == person] for person in people]
    draw = np.random.default_rng(0)
    samples: dict[str, list[float]] = {name: [] for name in BOUNDS}
    for _ in range(BOOTSTRAP_SAMPLES):
        numbers: list[int] = draw.integers(len(people), size=len(people)).tolist()
        drawn = [answer for number in numbers for answer in by_person[number]]
        default, cosine = (_means(answer.measures[name] for answer in drawn) for name in (DEFAULT, "cosine"))
        for name, sample in samples.items():
            sample.append(100 * (default[name] - cosine[name]))
    described: list[str] = []
    for name, sample in samples.items():
        low, high = (float(np.percentile(sample, percent)) for percent in (2.5, 97.5))
        described.append(f"{name}_above_cosine {low:.1f} to {high:.1f}")
    return f"95 % intervals over people: {', '.join(described)}"


if __name__ == "__main__":
    run(app)
