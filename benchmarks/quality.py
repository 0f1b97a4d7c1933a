"""Measure whether recall finds the turns that answer a question, with the data set recall-bench.

The data set is not in this repository. Its score.py counts how many turns with the evidence for a question are among
the first k recalled turns. No model judges the answers.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from common import (
    AGENT,
    REPOSITORY,
    CannotMeasure,
    Figure,
    JsonOption,
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
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from rich.progress import Progress

from eunoe_consumers.recall.ranking.weights import ASSISTANT, DIALOGUE, Weights
from eunoe_producers import Gateway, Orchestrator, RecallError
from eunoe_schema import EunoeError, MessageEvent, Receipt, Scope
from eunoe_schema.streams import Group

TOP_K = 20
CONCURRENCY = 8
DEADLINE_SECONDS = 30.0
BOOTSTRAP_SAMPLES = 300
TURNS_PER_CALL = 500
# The data set has 5,694 turns, of which one is too long for a message, and 1,197 questions.
DURABLE_TURNS, REFUSED_TURNS, QUESTIONS = 5_693, 1, 1_197
MEASURES = ("R@5", "R@10", "H@10", "MRR", "nDCG@10")
# The bounds of the ranking: must, aim.
BOUNDS = {
    "locomo_R@5": (69.0, 78.0),
    "locomo_R@10": (79.0, 86.0),
    "beam_R@5": (51.0, 58.0),
    "beam_R@10": (62.0, 70.0),
}
# Other settings of the recall role, which are measured in the same run over the same rows.
BASELINES: Mapping[str, Mapping[str, object]] = {
    "cosine": {"recall_ranking": "cosine"},
    "cosine_0.75": {"recall_ranking": "cosine", "recall_min_cosine": 0.75},
    "bm25": {"recall_ranking": "bm25"},
}
SPEAKERS_MATTER = "locomo/"  # in the other conversations the speaker only repeats the role

Scores = Mapping[str, Mapping[str, float]]


class TurnLine(BaseModel):
    """A line of conversations.jsonl."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    conversation_id: str
    session: int | str
    session_time: str | None
    turn_id: str
    speaker: str | None
    role: str
    text: str
    image_caption: str | None = None

    def event(self, scope: Scope) -> dict[str, object]:
        """Return the event as a mapping, so that the gateway can refuse an invalid one."""
        caption = f" [shares a photo of {self.image_caption}]" if self.image_caption else ""
        fields: dict[str, object] = {
            "event_id": self.turn_id,
            "tenant_id": scope.tenant_id,
            "agent_id": scope.agent_id,
            "user_id": scope.user_id,
            "role": self.role,
            "content": self.text + caption,
            "session_id": str(self.session),
            "occurred_at": self.session_time,
        }
        return fields | ({"speaker": self.speaker} if self.conversation_id.startswith(SPEAKERS_MATTER) else {})


class QueryLine(BaseModel):
    """A line of queries.jsonl, without the evidence."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    query_id: str
    conversation_id: str
    question: str


@dataclass(frozen=True)
class Published:
    """The number of published turns, and the reason for each refused one."""

    receipts: int
    refusals: Sequence[str]


@dataclass(frozen=True)
class Asked:
    """The recalled turns of each question, the number of complete replies, and the failures."""

    ranked: Mapping[str, Sequence[str]]
    answered: int
    failures: Mapping[str, int]

    @property
    def empty_percent(self) -> float:
        """Return the share of questions without any recalled turn."""
        return 100 * sum(not ranked for ranked in self.ranked.values()) / max(1, len(self.ranked))


@dataclass(frozen=True)
class Scored:
    """The recalled turns of one variant, and their scores."""

    asked: Asked
    scores: Scores
    intervals: str


app = command_line()


@app.command()
def main(
    *,
    data: Annotated[Path, typer.Option(help="The folder of recall-bench.")] = REPOSITORY.parent / "shared/recall-bench",
    run_file: Annotated[Path | None, typer.Option("--run", help="Keep the recalled turns in this file.")] = None,
    ablation: Annotated[
        bool, typer.Option("--ablation", help="Ask again with each part of the score switched off.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Publish 15 long conversations, ask 1,197 questions, and score the recalled turns."""
    turns, queries = load(data)
    variants = {"": {}} | dict(BASELINES) | (ablations() if ablation else {})
    found: dict[str, Scored] = {}
    with (
        tempfile.TemporaryDirectory(prefix="eunoe-benchmark-") as temporary,
        progress_bars() as progress,
        running_system(recall_processes=0) as system,
    ):
        settings = system.describe()
        published, durable = asyncio.run(store(system, turns, progress))
        for name, changes in variants.items():
            with system.recalling(**changes):
                asked = asyncio.run(ask(system, queries, name or "default", progress))
            ranked_file = run_file if run_file and not name else Path(temporary) / "run.jsonl"
            found[name] = Scored(asked, *score(data, asked, ranked_file, Path(temporary) / "scores.json"))
    default = found[""]
    about = (
        f"recall-bench: {len(turns)} turns of {len({turn.conversation_id for turn in turns})} conversations, one scope "
        f"each, published in file order through the Gateway; then {len(queries)} questions through the Orchestrator "
        f"with window=0 and top_k={TOP_K}, {CONCURRENCY} at a time; {settings}; every role in a process of its own on "
        f"embedded servers. Then the same questions with other settings of the recall role: cosine_*, cosine_0.75_* "
        f"(a threshold), bm25_*, and with --ablation without_PART_*. Scored by the data set's score.py: means over "
        f"questions, in percent; 95 % intervals over conversations: {default.intervals}. "
        f"Refused: {'; '.join(published.refusals) or 'nothing'}. Not answered: "
        f"{', '.join(f'{n} x {why}' for why, n in default.asked.failures.items()) or 'nothing'}. {machine()}."
    )
    Report("quality", figures(published, durable, found), about).print(as_json=as_json)


def ablations() -> dict[str, dict[str, object]]:
    """Return settings by name, each of which switches one part of the score off."""
    parts = [name for name in Weights.model_fields if getattr(DIALOGUE, name) or getattr(ASSISTANT, name)]
    return {
        f"without_{part}": {
            "recall_dialogue": DIALOGUE.model_copy(update={part: 0.0}),
            "recall_assistant": ASSISTANT.model_copy(update={part: 0.0}),
        }
        for part in parts
    }


def load(data: Path) -> tuple[list[TurnLine], list[QueryLine]]:
    """Read the data set.

    Raises:
        CannotMeasure: It is missing, or has another format.
    """
    absent = [n for n in ("conversations.jsonl", "queries.jsonl", "score.py") if not (data / n).is_file()]
    if absent:
        raise CannotMeasure(f"{data} lacks {', '.join(absent)}: name the folder of recall-bench with --data")
    try:
        with (data / "conversations.jsonl").open(encoding="utf-8") as lines:
            turns = [TurnLine.model_validate_json(line) for line in lines]
        with (data / "queries.jsonl").open(encoding="utf-8") as lines:
            return turns, [QueryLine.model_validate_json(line) for line in lines]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise CannotMeasure(f"{data} has another format than recall-bench: {first['loc']}: {first['msg']}") from error


async def store(system: RunningSystem, turns: Sequence[TurnLine], progress: Progress) -> tuple[Published, int]:
    """Publish the turns and wait until they are durable. Return the outcomes and the number of rows."""
    async with observe(system) as observer:
        published = await publish(system, turns, progress)
        storing = progress.add_task("storing", total=published.receipts)

        await observer.await_drained(Group.WINDOW)
        await observer.await_drained(
            Group.EMBED, lambda left: progress.update(storing, completed=published.receipts - left)
        )
        await observer.vacuum()
        return published, await observer.rows()


def scope_of(system: RunningSystem, conversation_id: str) -> Scope:
    """Return the scope of a conversation."""
    return Scope(tenant_id=system.tenant_id, agent_id=AGENT, user_id=conversation_id)


async def publish(system: RunningSystem, turns: Sequence[TurnLine], progress: Progress) -> Published:
    """Publish the turns in their order."""
    outcomes: list[Receipt | EunoeError] = []
    publishing = progress.add_task("publishing", total=len(turns))
    async with await Gateway.connect(system.redis_url) as gateway:
        for start in range(0, len(turns), TURNS_PER_CALL):
            part: list[MessageEvent | Mapping[str, object]] = [
                turn.event(scope_of(system, turn.conversation_id)) for turn in turns[start : start + TURNS_PER_CALL]
            ]
            outcomes += await gateway.publish_many(part, wait_when_full=True)
            progress.advance(publishing, len(part))
    refusals = [
        f"{turn.conversation_id} turn {turn.turn_id}: {outcome}"
        for turn, outcome in zip(turns, outcomes, strict=True)
        if not isinstance(outcome, Receipt)
    ]
    return Published(len(turns) - len(refusals), refusals)


async def ask(system: RunningSystem, queries: Sequence[QueryLine], variant: str, progress: Progress) -> Asked:
    """Ask every question, several at a time."""
    ranked: dict[str, list[str]] = {}
    whole = 0
    failures: Counter[str] = Counter()
    asking = progress.add_task(f"asking: {variant}", total=len(queries))
    waiting = iter(queries)

    async def caller(orchestrator: Orchestrator) -> None:
        nonlocal whole
        for query in waiting:  # shared by the callers
            system.check()
            try:
                context = await orchestrator.recall(
                    scope_of(system, query.conversation_id),
                    query.question,
                    window=0,
                    top_k=TOP_K,
                    deadline=DEADLINE_SECONDS,
                )
            except RecallError as error:
                failures[str(error)] += 1
            else:
                ranked[query.query_id] = [
                    turn.event_id for turn in context.turns
                ]  # the event id is the id of the turn in the data set
                failures.update(f"{part.part}: {part.reason}" for part in context.missing)
                whole += not context.missing
            progress.advance(asking)

    async with await Orchestrator.connect(system.redis_url) as orchestrator:
        await asyncio.gather(*(caller(orchestrator) for _ in range(CONCURRENCY)))
    return Asked(
        ranked={query.query_id: ranked[query.query_id] for query in queries if query.query_id in ranked},
        answered=whole,
        failures=failures,
    )


def score(data: Path, asked: Asked, ranked_file: Path, scores_file: Path) -> tuple[Scores, str]:
    """Run the scorer of the data set. Return its table, and its intervals as text.

    Raises:
        CannotMeasure: The scorer fails.
    """
    lines = [json.dumps({"query_id": name, "ranked": ranked}) for name, ranked in asked.ranked.items()]
    ranked_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = ["--queries", str(data / "queries.jsonl"), "--run", str(ranked_file), "--json", str(scores_file)]
    command = [sys.executable, str(data / "score.py"), *options, "--ci", str(BOOTSTRAP_SAMPLES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotMeasure(f"{data / 'score.py'} failed: {done.stderr.strip().rpartition(chr(10))[2]}")
    scores = TypeAdapter(dict[str, dict[str, float]]).validate_json(scores_file.read_bytes())
    intervals = [line.replace("'", "") for line in done.stdout.splitlines() if line.endswith("}")]
    return scores, ", ".join(intervals)


def figures(published: Published, durable: int, found: Mapping[str, Scored]) -> list[Figure]:
    """Return the figures of the report. The default settings come first, with their bounds."""
    default = found[""]
    reported = [
        Figure("durable_turns", durable, "turns", "higher", must=DURABLE_TURNS),
        Figure("refused_turns", len(published.refusals), "turns", "lower", must=REFUSED_TURNS),
        Figure("questions_answered", default.asked.answered, "questions", "higher", must=QUESTIONS),
        Figure("empty_answers", rounded(default.asked.empty_percent), "%", "lower", must=0),
    ]
    datasets = [
        name for name in reversed(list(default.scores)) if "/" not in name
    ]  # a name with a slash is a category of a data set
    for variant, scored in found.items():
        prefix = f"{variant}_" if variant else ""
        if variant:
            reported.append(Figure(f"{prefix}empty_answers", rounded(scored.asked.empty_percent), "%", "lower"))
        for dataset in datasets:
            for measure in MEASURES[:2] if variant else MEASURES:
                name = f"{dataset}_{measure}"
                must, aim = (None, None) if variant else BOUNDS.get(name, (None, None))
                value = rounded(100 * scored.scores[dataset][measure])
                reported.append(Figure(f"{prefix}{name}", value, "%", "higher", must, aim))
    return reported


if __name__ == "__main__":
    run(app)
