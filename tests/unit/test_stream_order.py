"""Requests that touch the same keys run in stream order. Other requests do not wait."""

import asyncio

import pytest

from eunoe_consumers.memories.stream_order import Place, StreamOrder


async def _run(order: StreamOrder, place: Place, name: str, log: list[str], gate: asyncio.Event) -> None:
    async with order.turn(place):
        log.append(f"{name} begins")
        await gate.wait()
        log.append(f"{name} ends")


async def _let_tasks_run() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_requests_on_the_same_key_wait_and_others_run() -> None:
    """The third request shares one key with the first and one with the second, so it waits for both."""
    order, log = StreamOrder(), list[str]()
    gates = [asyncio.Event() for _ in range(4)]
    touched = [{"a"}, {"b"}, {"a", "b"}, {"c"}]
    places = [order.join(things) for things in touched]
    tasks = [
        asyncio.create_task(_run(order, place, str(number), log, gate))
        for number, (place, gate) in reversed(list(enumerate(zip(places, gates, strict=True))))
    ]
    await _let_tasks_run()
    assert sorted(log) == ["0 begins", "1 begins", "3 begins"]
    gates[0].set()
    await _let_tasks_run()
    assert "2 begins" not in log
    gates[1].set()
    await _let_tasks_run()
    assert "2 begins" in log
    for gate in gates:
        gate.set()
    await asyncio.gather(*tasks)


async def test_an_error_or_a_cancellation_blocks_nobody() -> None:
    """The next request begins although the one before failed, or was cancelled while it waited."""
    order = StreamOrder()
    first, second, third = (order.join({"a"}) for _ in range(3))
    gate = asyncio.Event()
    log: list[str] = []
    waiting = asyncio.create_task(_run(order, second, "second", log, gate))
    last = asyncio.create_task(_run(order, third, "third", log, gate))
    await _let_tasks_run()
    waiting.cancel()
    await _let_tasks_run()
    assert waiting.cancelled()
    with pytest.raises(LookupError):
        async with order.turn(first):
            raise LookupError
    gate.set()
    await last
    assert log == ["third begins", "third ends"]


async def test_finished_requests_are_forgotten() -> None:
    """A process that runs for months keeps no memory of its requests."""
    order = StreamOrder()
    for _ in range(3):
        async with order.turn(order.join({"a", "b"})):
            pass
    assert order.join({"a", "b"}).before == set()
