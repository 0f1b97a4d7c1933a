"""Measure a whole recall, relative to the bare embedding of the same query in the same run.

Embedding the query cannot be avoided, so the ratio shows the cost of everything else: Redis, the window and the search.
The ratio hardly depends on the machine. Milliseconds do.
"""

import asyncio
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import typer
from common import (
    AGENT,
    CannotMeasure,
    Figure,
    JsonOption,
    Observer,
    Report,
    RunningSystem,
    command_line,
    machine,
    observe,
    percentile,
    progress_bars,
    rounded,
    run,
    running_system,
)
from pgvector import HalfVector
from rich.progress import Progress
from texts import chat_queries, chat_texts

from eunoe_consumers.embedding.embedder import Embedder
from eunoe_consumers.embedding.load import load_embedder
from eunoe_consumers.postgres.candidates import OUTLINE_TURNS, QUERY_TERMS, TERM_TURNS, CandidateReader, RecallQueries
from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.turns import NewTurn, TurnWriter
from eunoe_consumers.recall.ranking.lexical import lexical_scores
from eunoe_producers import Gateway, Orchestrator
from eunoe_schema import Context, MessageEvent, Receipt, Scope, Timings
from eunoe_schema.entries import EntryOrder
from eunoe_schema.streams import Group

SEED = 11
TOP_K = 10
DEADLINE_SECONDS = 30.0
WARM_UP_QUERIES = 30  # a statement may change its plan after five executions, on each connection of a process
CALLERS = 16
ROWS_PER_WRITE = 500
STAGES = tuple(Timings.model_fields)
PERCENTILES = (50, 95, 99)
EXPLAINED = 100
EXECUTION = re.compile(r"Execution Time: ([0-9.]+) ms")
DATABASE_P50_MS, DATABASE_P95_MS = 8.0, 20.0


@dataclass(frozen=True)
class Measured:
    """Milliseconds, one for each query, and the replies.

    Attributes:
        recalls: Whole recalls of one client, one after another.
        embeddings: The bare embedding of the same queries, in this process.
        contexts: The replies of `recalls`.
        concurrent: Recalls of many concurrent callers.
        concurrent_seconds: The duration of all concurrent recalls.
        concurrent_contexts: The replies of `concurrent`.
        executions: The execution time of both statements of a recall, as PostgreSQL measures it.
    """

    recalls: Sequence[float]
    embeddings: Sequence[float]
    contexts: Sequence[Context]
    concurrent: Sequence[float]
    concurrent_seconds: float
    concurrent_contexts: Sequence[Context]
    executions: Sequence[float]


app = command_line()


@app.command()
def main(
    *,
    turns: Annotated[int, typer.Option(min=50, help="Turns of the measured scope.")] = 5_000,
    rows: Annotated[int, typer.Option(min=0, help="Rows of other scopes in the same table.")] = 95_000,
    queries: Annotated[int, typer.Option(min=100, help="Queries, asked one after another.")] = 400,
    concurrent: Annotated[int, typer.Option(min=100, help=f"Queries, asked by {CALLERS} callers at once.")] = 1_600,
    as_json: JsonOption = False,
) -> None:
    """Recall from a scope of a filled table, first one query at a time, then many at once."""
    with progress_bars() as progress, running_system() as system:
        embedder = load_embedder(system.settings)
        measured = asyncio.run(measure(system, embedder, (turns, rows, queries, concurrent), progress))
        settings = system.describe()
        shown = min(turns, system.settings.window_messages)
        tokens = statistics.mean(embedder.count_tokens(chat_queries(queries, seed=SEED)))
    about = (
        f"{queries} synthetic questions ({tokens:.1f} tokens in the mean, seed {SEED}) over one scope of {turns} "
        f"turns, published through the Gateway, in a table that holds {rows} rows of other scopes (random unit "
        f"vectors, written with TurnWriter); VACUUM ANALYZE before measuring; window default ({shown} messages), "
        f"top_k={TOP_K}; {settings}; "
        "every role in a process of its own on embedded servers. recall_*: one client, one request at a time, from the "
        "call until the Context is there. embed_*: FastembedEmbedder.embed([query]) in this process, right before or "
        "right after the recall of the same query, in turn. search_*: lexical and turns together, as the recall "
        "process sees them: the way to PostgreSQL, transactions, decoding and counting are in them, and the embedding "
        "beside the first. database_*: the execution time of both statements, by PostgreSQL's EXPLAIN (ANALYZE, TIMING "
        "OFF), as the recall role, by itself. stage_*: means of "
        "the replies' own timings, which overlap "
        "(queued is up to 1 ms too long: an entry id has whole milliseconds); stage_way is the rest, client and Redis. "
        f"concurrent_*: {concurrent} requests of {CALLERS} callers in one process over one connection pool; on a "
        "machine with few cores the callers compete with what they measure. "
        f"{machine()}."
    )
    Report("recall", figures(measured, shown), about).print(as_json=as_json)


def figures(measured: Measured, window: int) -> list[Figure]:
    """Return the report's figures."""
    recall = {percent: percentile(measured.recalls, percent) for percent in PERCENTILES}
    embed = {percent: percentile(measured.embeddings, percent) for percent in PERCENTILES}
    crowd = {percent: percentile(measured.concurrent, percent) for percent in PERCENTILES}
    stages = {
        stage: statistics.mean(float(getattr(context.timings, stage)) for context in measured.contexts)
        for stage in STAGES
    }
    search = [context.timings.lexical_ms + context.timings.turns_ms for context in measured.contexts]
    way = statistics.mean(measured.recalls) - stages["queued_ms"] - stages["total_ms"]
    replies = [*measured.contexts, *measured.concurrent_contexts]
    broken = sum(bool(c.missing) or len(c.turns) != TOP_K or len(c.window) != window for c in replies)
    return [
        Figure("database_p50", rounded(percentile(measured.executions, 50)), "ms", "lower", must=DATABASE_P50_MS),
        Figure("database_p95", rounded(percentile(measured.executions, 95)), "ms", "lower", must=DATABASE_P95_MS),
        Figure("search_p50", rounded(percentile(search, 50)), "ms", "lower"),
        Figure("search_p95", rounded(percentile(search, 95)), "ms", "lower"),
        Figure("ratio_p50", rounded(recall[50] / embed[50]), "recall / embedding", "lower"),
        *(Figure(f"recall_p{percent}", rounded(ms), "ms", "lower") for percent, ms in recall.items()),
        *(Figure(f"embed_p{percent}", rounded(ms), "ms", "lower") for percent, ms in embed.items()),
        *(Figure(f"stage_{stage.removesuffix('_ms')}", rounded(ms), "ms", "lower") for stage, ms in stages.items()),
        Figure("stage_way", rounded(way), "ms", "lower"),
        Figure(
            "concurrent_requests_per_second",
            rounded(len(measured.concurrent) / measured.concurrent_seconds),
            "requests/s",
            "higher",
        ),
        *(Figure(f"concurrent_p{percent}", rounded(ms), "ms", "lower") for percent, ms in crowd.items()),
        Figure("incomplete_replies", broken, "replies", "lower", must=0),
    ]


async def measure(
    system: RunningSystem, embedder: Embedder, sizes: tuple[int, int, int, int], progress: Progress
) -> Measured:
    """Fill the stores, warm up, and measure the recalls."""
    turns, rows, queries, concurrent = sizes
    scope = Scope(tenant_id=system.tenant_id, agent_id=AGENT, user_id="asked")
    async with observe(system) as observer:
        await fill_table(system, embedder, rows, turns, progress)
        await fill_scope(system, observer, scope, turns, progress)
        await observer.vacuum()
    async with await Orchestrator.connect(system.redis_url) as orchestrator:
        client = Client(orchestrator, scope)
        for query in chat_queries(WARM_UP_QUERIES, seed=SEED + 1):
            embedder.embed([query])
            await client.ask(query)
        await asyncio.gather(*(client.ask(query) for query in chat_queries(4 * CALLERS, seed=SEED + 2)))

        recalls: list[float] = []
        embeddings: list[float] = []
        contexts: list[Context] = []
        bar = progress.add_task("one at a time", total=queries)
        for index, query in enumerate(chat_queries(queries, seed=SEED)):
            if index % 2:
                embeddings.append(bare_ms(embedder, query))
            milliseconds, context = await client.ask(query)
            recalls.append(milliseconds)
            contexts.append(context)
            if not index % 2:
                embeddings.append(bare_ms(embedder, query))
            progress.advance(bar)
        system.check()

        bar = progress.add_task(f"{CALLERS} callers", total=concurrent)
        waiting = iter(chat_queries(concurrent, seed=SEED + 3))
        replies: list[tuple[float, Context]] = []

        async def caller() -> None:
            for query in waiting:  # shared by the callers
                replies.append(await client.ask(query))
                progress.advance(bar)

        started = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        seconds = time.perf_counter() - started
        system.check()
    executions = await execution_ms(system, embedder, scope, chat_queries(queries, seed=SEED)[:EXPLAINED])
    return Measured(
        recalls,
        embeddings,
        contexts,
        [ms for ms, _ in replies],
        seconds,
        [context for _, context in replies],
        executions,
    )


async def execution_ms(system: RunningSystem, embedder: Embedder, scope: Scope, queries: Sequence[str]) -> list[float]:
    """Return the execution time of both statements for each query, in milliseconds, as PostgreSQL measures it."""
    found: list[float] = []
    limit = system.settings.recall_candidates + system.settings.window_messages
    async with await Database.connect(system.database_url, connections=1) as database:
        reader = CandidateReader(database)
        for query in queries:
            outline = await reader.outline(scope, query)
            scores = lexical_scores(outline).contextual
            named = [int(position) for position in outline.positions[np.argsort(-scores)[:limit]]]
            vector = HalfVector(embedder.embed([query])[0])
            names = (scope.tenant_id, scope.agent_id, scope.user_id)
            async with database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
                rows = [
                    *await connection.fetch(
                        f"EXPLAIN (ANALYZE, TIMING OFF) {RecallQueries.outline}",
                        *names,
                        query,
                        QUERY_TERMS,
                        OUTLINE_TURNS,
                        TERM_TURNS,
                    ),
                    *await connection.fetch(
                        f"EXPLAIN (ANALYZE, TIMING OFF) {RecallQueries.candidates}",
                        *names,
                        vector,
                        named,
                        limit,
                        True,  # noqa: FBT003 - an argument of the statement: by pieces
                        limit,
                    ),
                ]
            found.append(sum(float(ms) for row in rows for ms in EXECUTION.findall(row[0])))
    return found


class Client:
    """An orchestrator that recalls from one scope and measures the time."""

    def __init__(self, orchestrator: Orchestrator, scope: Scope) -> None:
        self._orchestrator = orchestrator
        self._scope = scope

    async def ask(self, query: str) -> tuple[float, Context]:
        """Recall. Return the milliseconds until the context is there, and the context."""
        started = time.perf_counter()
        context = await self._orchestrator.recall(self._scope, query, top_k=TOP_K, deadline=DEADLINE_SECONDS)
        return (time.perf_counter() - started) * 1000, context


def bare_ms(embedder: Embedder, query: str) -> float:
    """Embed a query in this process, and return the milliseconds."""
    started = time.perf_counter()
    embedder.embed([query])
    return (time.perf_counter() - started) * 1000


async def fill_table(system: RunningSystem, embedder: Embedder, rows: int, turns: int, progress: Progress) -> None:
    """Write rows of other scopes of the same size. Their vectors are random, which saves the embedding."""
    dice = np.random.default_rng(SEED)
    texts = chat_texts(rows, seed=SEED)
    bar = progress.add_task("rows of other scopes", total=rows)
    milliseconds = int(time.time() * 1000)
    async with await Database.connect(system.database_url) as database:
        writer = TurnWriter(database, embedding_model=embedder.name)
        for start in range(0, rows, ROWS_PER_WRITE):
            part = range(start, min(rows, start + ROWS_PER_WRITE))
            vectors = dice.standard_normal((len(part), embedder.dimensions)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            events = [message(system, f"other-{index // turns}", index, texts[index]) for index in part]
            await writer.write(
                [
                    NewTurn(event, EntryOrder(milliseconds, index), vector)
                    for index, event, vector in zip(part, events, vectors, strict=True)
                ]
            )
            progress.advance(bar, len(part))


async def fill_scope(system: RunningSystem, observer: Observer, scope: Scope, turns: int, progress: Progress) -> None:
    """Publish the turns of the measured scope, and wait until they are durable.

    Raises:
        CannotMeasure: Some turns are not stored.
    """
    bar = progress.add_task("turns of the scope", total=turns)
    before = await observer.rows()
    texts = chat_texts(turns, seed=SEED + 4)
    async with await Gateway.connect(system.redis_url) as gateway:
        outcomes = await gateway.publish_many(
            message(system, scope.user_id, index, text) for index, text in enumerate(texts)
        )
    await observer.await_drained(Group.WINDOW)
    await observer.await_drained(Group.EMBED, lambda left: progress.update(bar, completed=turns - left))
    stored = await observer.rows() - before
    if stored != turns or not all(isinstance(outcome, Receipt) for outcome in outcomes):
        raise CannotMeasure(f"{turns} turns were published and {stored} stored")


def message(system: RunningSystem, user_id: str, index: int, text: str) -> MessageEvent:
    """Return the event of a turn."""
    return MessageEvent(
        event_id=f"message-{index}",
        tenant_id=system.tenant_id,
        agent_id=AGENT,
        user_id=user_id,
        role="assistant" if index % 2 else "user",
        content=text,
        session_id="benchmark",
    )


if __name__ == "__main__":
    run(app)
