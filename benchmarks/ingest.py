"""Measure how fast messages become durable in both stores, relative to the bare model on the same texts.

Embedding cannot be avoided, so the ratio shows the cost of everything else: publishing, the stream, the window,
batching and PostgreSQL. The ratio hardly depends on the machine. Events per second do.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol, cast

import numpy as np
import onnxruntime  # pyright: ignore[reportMissingTypeStubs] - it ships no types; see Session
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
    progress_bars,
    rounded,
    run,
    running_system,
)
from numpy.typing import NDArray
from rich.progress import Progress
from texts import chat_texts
from tokenizers import Tokenizer

from eunoe_consumers.embedding.load import model_cache_dir
from eunoe_consumers.embedding.prepare import prepare_model
from eunoe_consumers.embedding.weights import MAX_TOKENS
from eunoe_consumers.settings import Settings
from eunoe_producers import Gateway
from eunoe_schema import MessageEvent, Receipt, keys
from eunoe_schema.streams import Group

SEED = 7
SLICE_TEXTS = 8
WARM_UP_EVENTS = 64


class Options(Protocol):
    """The used part of the untyped options of onnxruntime."""

    intra_op_num_threads: int
    inter_op_num_threads: int


class Named(Protocol):
    """An output of a graph."""

    name: str


class Session(Protocol):
    """The used part of the untyped session of onnxruntime."""

    def get_outputs(self) -> Sequence[Named]:
        """Name the outputs of the graph."""
        ...

    def run(
        self, output_names: Sequence[str] | None, input_feed: dict[str, NDArray[np.int64]]
    ) -> list[NDArray[np.float32]]:
        """Run the graph."""
        ...


class RawModel:
    """The model alone: it tokenises, sorts by tokens, and runs slices of eight texts on one thread."""

    def __init__(self, folder: Path) -> None:
        options = cast("Options", onnxruntime.SessionOptions())
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        self._session = cast("Session", onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers))
        names = [output.name for output in self._session.get_outputs()]
        self._output = "sentence_embedding" if "sentence_embedding" in names else names[0]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        cast("Callable[[int], None]", self._tokenizer.enable_truncation)(MAX_TOKENS)  # its **kwargs are untyped

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text."""
        return [len(encoding.ids) for encoding in self._tokenizer.encode_batch_fast(list(texts))]

    def texts_per_second(self, texts: Sequence[str]) -> float:
        """Embed all texts and return the speed. The time includes tokenising."""
        started = time.perf_counter()
        encoded = sorted((encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))), key=len)
        for start in range(0, len(encoded), SLICE_TEXTS):
            part = encoded[start : start + SLICE_TEXTS]
            ids = np.zeros((len(part), len(part[-1])), np.int64)
            mask = np.zeros_like(ids)
            for row, tokens in enumerate(part):
                ids[row, : len(tokens)] = tokens
                mask[row, : len(tokens)] = 1
            feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            self._session.run([self._output], feed)
        return len(texts) / (time.perf_counter() - started)


@dataclass(frozen=True)
class Ingested:
    """The results of the ingestion. Seconds count from the first publish.

    Attributes:
        publish_seconds: Until the gateway had every receipt.
        window_seconds: Until the group `window` had finished.
        durable_seconds: Until both groups had finished and every row was counted.
        rows: Turns in PostgreSQL.
        window_messages: Messages in all windows.
        window_left: Messages that the group `window` had not finished at the end.
        embed_left: The same for the group `embed`.
        dead: Dead letters.
    """

    publish_seconds: float
    window_seconds: float
    durable_seconds: float
    rows: int
    window_messages: int
    window_left: int
    embed_left: int
    dead: int


app = command_line()


@app.command()
def main(
    *,
    events: Annotated[int, typer.Option(min=100, help="Messages to publish.")] = 2_000,
    scopes: Annotated[int, typer.Option(min=1, help="Scopes of the messages.")] = 50,
    embed_processes: Annotated[int, typer.Option(min=1, help="Processes of the role embed.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Publish messages until they are durable in both stores, between two runs of the bare model on the same texts."""
    model = raw_model(Settings())
    texts = chat_texts(events, seed=SEED)
    tokens = model.count_tokens(texts)
    model.texts_per_second(texts[:WARM_UP_EVENTS])
    with progress_bars() as progress, running_system(embed_processes=embed_processes) as system:
        # The bare model runs before and after, because the speed of a shared machine changes. The system is idle then.
        step = progress.add_task("the bare model", total=2)
        before = model.texts_per_second(texts)
        progress.advance(step)
        ingested = asyncio.run(ingest(system, texts, scopes, progress))
        after = model.texts_per_second(texts)
        progress.advance(step)
        kept = sum(min(system.settings.window_messages, len(range(scope, events, scopes))) for scope in range(scopes))
        settings = system.describe()
    raw = statistics.mean((before, after))
    speed = events / ingested.durable_seconds
    figures = [
        Figure("ratio", rounded(speed / raw), "share of raw", "higher"),
        Figure("events_per_second", rounded(speed), "events/s", "higher"),
        Figure("raw_texts_per_second", rounded(raw), "texts/s", "higher"),
        Figure("raw_drift", rounded(after / before), "after / before", "higher"),
        Figure("publish_events_per_second", rounded(events / ingested.publish_seconds), "events/s", "higher"),
        Figure("window_events_per_second", rounded(events / ingested.window_seconds), "events/s", "higher"),
        Figure("durable_events", ingested.rows, "rows", "higher", must=events),
        Figure("window_messages", ingested.window_messages, "messages", "higher", must=kept),
        Figure("window_lag", ingested.window_left, "messages", "lower", must=0),
        Figure("embed_lag", ingested.embed_left, "messages", "lower", must=0),
        Figure("dead_letters", ingested.dead, "entries", "lower", must=0),
    ]
    about = (
        f"{events} synthetic chat messages (seed {SEED}; {statistics.mean(tokens):.1f} tokens in the mean, median "
        f"{statistics.median(tokens):.0f}, longest {max(tokens)}) of {scopes} scopes in turn, published by one Gateway "
        f"to a warm system: every role in a process of its own, {embed_processes} of embed, embedded Valkey and "
        f"PostgreSQL, {settings}. events_per_second counts from the first publish until the groups window and embed "
        "have no lag and nothing pending and every row is counted in PostgreSQL. Raw: one onnxruntime session in this "
        f"process, 1 thread, the same texts tokenised, sorted by tokens and run in slices of {SLICE_TEXTS}, once "
        f"before and once after ({before:.1f} and {after:.1f} texts/s; the mean counts). Lags include pending entries. "
        f"{machine()}."
    )
    Report("ingest", figures, about).print(as_json=as_json)


def raw_model(settings: Settings) -> RawModel:
    """Load the same files as the embed processes.

    Raises:
        CannotMeasure: Fastembed has downloaded the model, so the folder is unknown.
    """
    prepared = prepare_model(
        model_name=settings.embedding_model, model_path=settings.model_path, cache_dir=model_cache_dir(settings)
    )
    if prepared.path is None:
        raise CannotMeasure("the folder of the model is unknown: install eunoe[offline-model] or set EUNOE_MODEL_PATH")
    return RawModel(prepared.path)


async def ingest(system: RunningSystem, texts: Sequence[str], scopes: int, progress: Progress) -> Ingested:
    """Publish every text and wait until it is durable."""
    async with observe(system) as observer, await Gateway.connect(system.redis_url) as gateway:
        warm = messages(system, chat_texts(WARM_UP_EVENTS, seed=SEED + 1), 1, prefix="warm-up")
        await gateway.publish_many(warm)
        for group in (Group.WINDOW, Group.EMBED):
            await observer.await_drained(group)
        rows_before, dead_before = await observer.rows(), await observer.dead()

        bar = progress.add_task("durable", total=len(texts))
        events = messages(
            system, texts, scopes, prefix="user"
        )  # created before the clock starts, because a gateway already has its events
        started = time.perf_counter()
        outcomes = await gateway.publish_many(events, wait_when_full=True)
        published = time.perf_counter()
        if refused := next((outcome for outcome in outcomes if not isinstance(outcome, Receipt)), None):
            raise CannotMeasure(f"the gateway refused a message: {refused}")
        await observer.await_drained(Group.WINDOW)
        windowed = time.perf_counter()
        await observer.await_drained(Group.EMBED, lambda left: progress.update(bar, completed=len(texts) - left))
        rows = await observer.rows() - rows_before
        durable = time.perf_counter()
        return Ingested(
            publish_seconds=published - started,
            window_seconds=windowed - started,
            durable_seconds=durable - started,
            rows=rows,
            window_messages=await in_windows(observer, events),
            window_left=await observer.left(Group.WINDOW),
            embed_left=await observer.left(Group.EMBED),
            dead=await observer.dead() - dead_before,
        )


def messages(system: RunningSystem, texts: Sequence[str], scopes: int, *, prefix: str) -> list[MessageEvent]:
    """Return an event for each text, and go round the scopes."""
    return [
        MessageEvent(
            event_id=f"message-{index}",
            tenant_id=system.tenant_id,
            agent_id=AGENT,
            user_id=f"{prefix}-{index % scopes}",
            role="assistant" if index // scopes % 2 else "user",
            content=text,
            session_id="benchmark",
            channel="benchmark",
        )
        for index, text in enumerate(texts)
    ]


async def in_windows(observer: Observer, events: Sequence[MessageEvent]) -> int:
    """Count the messages in the windows of the events' scopes."""
    windows = {keys.window(event.scope) for event in events}
    return sum([await observer.redis.llen(window) for window in windows])


if __name__ == "__main__":
    run(app)
