"""Measure curated memory: search, list and administer 10,000 memories, and remember from eight clients.

A search is measured twice: its statement alone, and the whole request of a client beside the bare embedding of the same
query. Remembering is compared with the bare model on the same texts in the same run.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import numpy as np
import typer
from common import (
    Figure,
    JsonOption,
    Report,
    RunningSystem,
    command_line,
    machine,
    percentile,
    progress_bars,
    rounded,
    run,
    running_system,
)
from ingest import RawModel, raw_model
from memory_table import TOP_K, Fill, MemoryTable, Vectors, memory_table
from rich.progress import Progress
from texts import chat_queries, memory_texts

from eunoe_consumers.embedding.embedder import Embedder
from eunoe_consumers.embedding.load import load_embedder
from eunoe_consumers.settings import Settings
from eunoe_producers import Curator
from eunoe_schema.memory import MemoryFilter, MemoryScope, NewMemory, Tier

SEED = 13
ONE, MANY = "one", [f"user-{number}" for number in range(100)]
CLIENTS = 8
BATCH = 20
WARM_UP = 30  # a statement may change its plan after five executions, on each connection of a process
BUILDS = 3
TEXTS_PER_RUN = 250
DEADLINE_SECONDS = 60.0
PERCENTILES = (50, 95)
MUST_MS, AIM_MS = 100.0, 10.0
MUST_BUILD_SECONDS = 5.0
MUST_RATIO = 0.7


@dataclass(frozen=True)
class RawSpeed:
    """Texts per second of the bare model: all texts sorted, or as many at a time as there are clients."""

    sorted: float
    as_they_come: float


@dataclass(frozen=True)
class Remembered:
    """Texts per second of eight clients, and of the bare model before and after them."""

    speed: float
    before: RawSpeed
    after: RawSpeed

    @property
    def ratio(self) -> float:
        """The speed relative to the bare model with all texts sorted."""
        return self.speed / statistics.mean((self.before.sorted, self.after.sorted))

    @property
    def ratio_as_they_come(self) -> float:
        """The speed relative to the bare model with as many texts at a time as there are clients."""
        return self.speed / statistics.mean((self.before.as_they_come, self.after.as_they_come))


@dataclass(frozen=True)
class Measured:
    """The results of a run: milliseconds, one for each query.

    Attributes:
        statements: Single statements by name: exact searches of one user with a filter and of one of a hundred users,
            a page of a list, and the search of an administrator.
        recalls: The found share of the nearest memories, for each search of an administrator.
        builds: Seconds of each build of the index.
        searches: Whole searches of one client, one after another.
        embeddings: The bare embedding of the same queries, in this process.
        pages: Whole requests for a page.
        singly: Remembering with one memory per request.
        together: Remembering with twenty memories per request.
    """

    statements: Mapping[str, Sequence[float]]
    recalls: Sequence[float]
    builds: Sequence[float]
    searches: Sequence[float]
    embeddings: Sequence[float]
    pages: Sequence[float]
    singly: Remembered
    together: Remembered


app = command_line()


@app.command()
def main(
    *,
    memories: Annotated[int, typer.Option(min=1_000, help="Memories of one user, and of 100 users together.")] = 10_000,
    queries: Annotated[int, typer.Option(min=50, help="Queries of each case.")] = 200,
    texts: Annotated[int, typer.Option(min=200, help="Texts that eight clients remember, each way.")] = 1_200,
    curate_processes: Annotated[int, typer.Option(min=1, help="Processes of the role curate.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Fill a table, measure each kind of search, and remember further texts."""
    model = raw_model(Settings())
    with (
        progress_bars() as progress,
        running_system(embed_processes=0, recall_processes=0, curate_processes=curate_processes) as system,
    ):
        embedder = load_embedder(system.settings)
        measured = asyncio.run(measure(system, (embedder, model), (memories, queries, texts), progress))
        settings = system.describe()
    about = (
        f"{memories} synthetic memories (seed {SEED}, of one to three sentences, embedded by the model) of one user: "
        "a third of each tier, a quarter with every agent, a tenth with the tag, a tenth with the metadata, a tenth "
        f"in the collection; later the same texts of {len(MANY)} users beside them; VACUUM ANALYZE before measuring. "
        f"{queries} queries of each case, top {TOP_K}. statement_*: MemorySearch.nearest and newest and "
        "TenantSearch.nearest, in a transaction that has taken on its role, over one connection (the way to "
        "PostgreSQL is in them); all: tier, tag, metadata, collection and time at once; nothing: a tag that no "
        "memory has. client_*: one Curator, one request at a time; embed: FastembedEmbedder.embed([query]) in this "
        "process, right before or after the search of the same query, in turn. recall_at_10: share of the exactly "
        f"nearest that an administrator's search found, in the mean. index_build: median of {BUILDS} of REINDEX as "
        f"`eunoe migrate` makes it, one user's memories in the table. remember_*: {CLIENTS} Curators in one process, "
        f"one request each at a time, {texts} texts for {CLIENTS} users without memories; batch: {BATCH} memories a "
        "request, single: one. Raw: one onnxruntime session in this process, one thread, the same texts, before and "
        "after: sorted by tokens and in slices of eight; for remember_single_ratio_as_they_come in slices of "
        f"{CLIENTS} as they come, which is all that so many clients have in flight. {settings}; {curate_processes} "
        f"curate in a process of its own each, on embedded servers. {machine()}."
    )
    Report("memories", figures(measured), about).print(as_json=as_json)


def figures(measured: Measured) -> list[Figure]:
    """Return the report's figures."""
    search = {percent: percentile(measured.searches, percent) for percent in PERCENTILES}
    embed = percentile(measured.embeddings, 50)
    singly, together = measured.singly, measured.together
    raw = singly.before
    return [
        *(
            Figure(
                f"statement_{name}_p{percent}",
                rounded(percentile(taken, percent)),
                "ms",
                "lower",
                must=MUST_MS if percent == max(PERCENTILES) else None,
                aim=AIM_MS if percent == max(PERCENTILES) else None,
            )
            for name, taken in measured.statements.items()
            for percent in PERCENTILES
        ),
        Figure("recall_at_10", rounded(statistics.mean(measured.recalls)), "share", "higher"),
        Figure("index_build", rounded(statistics.median(measured.builds)), "s", "lower", must=MUST_BUILD_SECONDS),
        Figure("client_search_ratio", rounded(search[50] / embed), "search / embedding", "lower"),
        *(Figure(f"client_search_p{percent}", rounded(ms), "ms", "lower") for percent, ms in search.items()),
        Figure("client_embed_p50", rounded(embed), "ms", "lower"),
        *(
            Figure(f"client_page_p{percent}", rounded(percentile(measured.pages, percent)), "ms", "lower")
            for percent in PERCENTILES
        ),
        Figure("remember_batch_ratio", rounded(together.ratio), "share of raw", "higher", must=MUST_RATIO),
        Figure("remember_single_ratio", rounded(singly.ratio), "share of raw", "higher", aim=MUST_RATIO),
        Figure("remember_single_ratio_as_they_come", rounded(singly.ratio_as_they_come), "share of raw", "higher"),
        Figure("remember_batch_texts_per_second", rounded(together.speed), "texts/s", "higher"),
        Figure("remember_single_texts_per_second", rounded(singly.speed), "texts/s", "higher"),
        Figure("raw_texts_per_second", rounded(raw.sorted), "texts/s", "higher"),
        Figure("raw_as_they_come_texts_per_second", rounded(raw.as_they_come), "texts/s", "higher"),
        Figure("raw_drift", rounded(together.after.sorted / raw.sorted), "after / before", "higher"),
    ]


async def measure(
    system: RunningSystem, models: tuple[Embedder, RawModel], sizes: tuple[int, int, int], progress: Progress
) -> Measured:
    """Fill the table in steps, and measure between them."""
    embedder, raw = models
    memories, queries, texts = sizes
    asked = chat_queries(queries, seed=SEED)
    vectors = embedder.embed(asked)
    fill = embedded(embedder, memory_texts(memories, seed=SEED), progress)
    async with memory_table(system) as table:
        collection = await table.fill(fill, [ONE], progress)
        filters = await shapes(table, collection)
        builds = await table.build_index(BUILDS)
        await table.search([ONE], filters, vectors[:WARM_UP], progress)
        one = await table.search([ONE], filters, vectors, progress)
        page = await table.page(ONE, queries)
        admin = await table.search_tenant(vectors)
        system.check()
        async with await Curator.connect(system.redis_url) as curator:
            await ask(curator, embedder, table.scope(ONE), asked[:WARM_UP], progress)
            searches, embeddings = await ask(curator, embedder, table.scope(ONE), asked, progress)
            pages = await list_pages(curator, table.scope(ONE), queries)
        await table.fill(fill, MANY, progress)
        await table.search(MANY, {"": MemoryFilter()}, vectors[:WARM_UP], progress)
        many = await table.search(MANY, {"of_100_users": MemoryFilter()}, vectors, progress)
        statements = {**one.milliseconds, **many.milliseconds, **page.milliseconds, **admin.milliseconds}
        new = memory_texts(2 * texts + CLIENTS * BATCH, seed=SEED + 1)
        await remember(system, table, new[: CLIENTS * BATCH], "warm", each=1)
        new = new[CLIENTS * BATCH :]
        singly = await beside_raw(system, table, raw, new[:texts], "single", each=1)
        together = await beside_raw(system, table, raw, new[texts:], "batch", each=BATCH)
    return Measured(statements, admin.recalls, builds, searches, embeddings, pages, singly, together)


def embedded(embedder: Embedder, texts: Sequence[str], progress: Progress) -> Fill:
    """Embed the contents of the table."""
    bar = progress.add_task("embedding memories", total=len(texts))
    vectors: list[Vectors] = []
    for part in parts_of(texts, TEXTS_PER_RUN):
        vectors.append(embedder.embed(part))
        progress.advance(bar, len(part))
    return Fill(texts, np.concatenate(vectors), embedder.name)


def parts_of(texts: Sequence[str], size: int) -> list[Sequence[str]]:
    """Divide texts into parts of a size. The last part may be shorter."""
    return [texts[start : start + size] for start in range(0, len(texts), size)]


async def shapes(table: MemoryTable, collection: UUID) -> dict[str, MemoryFilter]:
    """Return the filters of the searches, by name."""
    since = await table.moment(0.7)
    return {
        "unfiltered": MemoryFilter(),
        "tier": MemoryFilter(tiers=(Tier.PROJECT,)),
        "tag": MemoryFilter(tags=("work",)),
        "metadata": MemoryFilter(metadata={"stressor": True}),
        "collection": MemoryFilter(collection_id=collection),
        "time": MemoryFilter(created_from=since),
        "all": MemoryFilter(
            tiers=(Tier.PROJECT,),
            tags=("work",),
            metadata={"stressor": False},
            collection_id=collection,
            created_from=since,
        ),
        "nothing": MemoryFilter(tags=("no such tag",)),
    }


async def ask(
    curator: Curator, embedder: Embedder, scope: MemoryScope, queries: Sequence[str], progress: Progress
) -> tuple[list[float], list[float]]:
    """Search through the client. Return the milliseconds of each search, and of the bare embedding of its query."""
    searches: list[float] = []
    embeddings: list[float] = []
    bar = progress.add_task("one client", total=len(queries))
    for index, query in enumerate(queries):
        if index % 2:
            embeddings.append(bare_ms(embedder, query))
        started = time.perf_counter()
        await curator.search(scope, query, limit=TOP_K, deadline=DEADLINE_SECONDS)
        searches.append((time.perf_counter() - started) * 1000)
        if not index % 2:
            embeddings.append(bare_ms(embedder, query))
        progress.advance(bar)
    return searches, embeddings


def bare_ms(embedder: Embedder, query: str) -> float:
    """Embed a query in this process, and return the milliseconds."""
    started = time.perf_counter()
    embedder.embed([query])
    return (time.perf_counter() - started) * 1000


async def list_pages(curator: Curator, scope: MemoryScope, times: int) -> list[float]:
    """List page after page, and return the milliseconds of each."""
    taken: list[float] = []
    cursor = None
    for _ in range(times):
        started = time.perf_counter()
        page = await curator.list(scope, cursor=cursor, deadline=DEADLINE_SECONDS)
        taken.append((time.perf_counter() - started) * 1000)
        cursor = page.cursor
    return taken


async def beside_raw(
    system: RunningSystem, table: MemoryTable, raw: RawModel, texts: Sequence[str], user: str, *, each: int
) -> Remembered:
    """Remember texts between two runs of the bare model, because the speed of a shared machine changes."""
    before = raw_speed(raw, texts)
    speed = await remember(system, table, texts, user, each=each)
    return Remembered(speed, before, raw_speed(raw, texts))


def raw_speed(raw: RawModel, texts: Sequence[str]) -> RawSpeed:
    """Measure the bare model on the same texts in both ways."""
    seconds = sum(len(part) / raw.texts_per_second(part) for part in parts_of(texts, CLIENTS))
    return RawSpeed(raw.texts_per_second(texts), len(texts) / seconds)


async def remember(system: RunningSystem, table: MemoryTable, texts: Sequence[str], user: str, *, each: int) -> float:
    """Remember texts from eight clients, each for its own user. Return the texts per second."""
    waiting = iter(parts_of(texts, each))

    async def client(curator: Curator, scope: MemoryScope, requests: Iterator[Sequence[str]]) -> None:
        for contents in requests:  # shared by the clients
            memories = [NewMemory(content=content) for content in contents]
            await curator.remember(scope, *memories, deadline=DEADLINE_SECONDS)

    async with AsyncExitStack() as stack:
        curators = [await stack.enter_async_context(await Curator.connect(system.redis_url)) for _ in range(CLIENTS)]
        started = time.perf_counter()
        await asyncio.gather(
            *(client(curator, table.scope(f"{user}-{number}"), waiting) for number, curator in enumerate(curators))
        )
        seconds = time.perf_counter() - started
    system.check()
    return len(texts) / seconds


if __name__ == "__main__":
    run(app)
