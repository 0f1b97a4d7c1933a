"""`eunoe lag`: show how far the consumers are behind."""

import asyncio
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group as Stacked
from rich.live import Live
from rich.table import Table

from eunoe_consumers.cli.console import line, output, print_json
from eunoe_consumers.cli.options import JsonOption
from eunoe_consumers.cli.servers import redis_server
from eunoe_consumers.settings import Settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from eunoe_consumers.delivery.stream_figures import Figures

EXAMPLES = "Examples: eunoe lag; eunoe lag --watch; eunoe lag --watch 5; eunoe lag --json"
_WATCH_SECONDS = 2.0
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def lag(
    seconds: Annotated[
        float | None,
        typer.Argument(min=0.1, help=f"Seconds between two readings with --watch.  [default: {_WATCH_SECONDS:g}]"),
    ] = None,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh the figures until Ctrl-C.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the streams, the consumer groups and their consumers: entries that wait, and their age.

    Lag counts the entries that no consumer of the group has read yet. Pending counts the entries that a consumer has
    read and not acknowledged. A growing lag means too few consumers: start more processes of that role. Other
    consumers claim a pending entry after EUNOE_CLAIM_AFTER_SECONDS without a heartbeat. `eunoe dead list` shows the
    dead letters. With --watch, --json prints one document per line.
    """
    if seconds is not None and not watch:
        raise typer.BadParameter("SECONDS needs --watch")

    async def show(settings: Settings) -> None:
        from eunoe_consumers.delivery.redis_client import connect_redis  # noqa: PLC0415 - redis

        redis = await connect_redis(settings.redis_url or "", wait_seconds=settings.start_timeout_seconds)
        try:
            await _show(redis, every_seconds=(seconds or _WATCH_SECONDS) if watch else None, as_json=as_json)
        finally:
            await redis.aclose()

    with redis_server(Settings()) as resolved:
        asyncio.run(show(resolved))


async def _show(redis: "Redis", *, every_seconds: float | None, as_json: bool) -> None:
    from eunoe_consumers.delivery.stream_figures import read_figures  # noqa: PLC0415 - redis

    figures = await read_figures(redis)
    if every_seconds is None and not as_json:
        output.print(_tables(figures))
    elif as_json:
        print_json(asdict(figures))
        while every_seconds is not None:
            sys.stdout.flush()
            await asyncio.sleep(every_seconds)
            print_json(asdict(await read_figures(redis)))
    else:
        with Live(_tables(figures), console=output, auto_refresh=False) as live:
            while every_seconds is not None:
                await asyncio.sleep(every_seconds)
                live.update(_tables(await read_figures(redis)), refresh=True)


def _tables(figures: "Figures") -> Stacked:
    streams = Table("stream", "length", "first entry", "last entry", title="streams", title_justify="left")
    for stream in figures.streams:
        streams.add_row(stream.stream, str(stream.length), _age(stream.first_seconds), _age(stream.last_seconds))
    groups = Table(
        "group", "stream", "lag", "pending", "oldest pending", "consumers", "dead", title="groups", title_justify="left"
    )
    consumers = Table("group", "consumer", "pending", "idle", title="consumers", title_justify="left")
    for group in figures.groups:
        lag_shown = "unknown" if group.lag is None else str(group.lag)
        groups.add_row(
            group.group,
            group.stream,
            lag_shown if group.exists else line("no group yet", "yellow"),
            str(group.pending),
            _age(group.oldest_pending_seconds),
            line(str(len(group.consumers)), "" if group.consumers else "yellow"),
            line(str(group.dead), "red" if group.dead else ""),
        )
        for consumer in group.consumers:
            consumers.add_row(group.group, consumer.name, str(consumer.pending), _age(consumer.idle_seconds))
    return Stacked(streams, groups, consumers)


def _age(seconds: float | None) -> str:
    """Return a duration in its largest unit."""
    if seconds is None:
        return "-"
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"
