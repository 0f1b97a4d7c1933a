"""Slots limit the concurrent batches. A batch may run alone, and none begins after the end."""

import asyncio

from eunoe_consumers.delivery.slots import Slots


async def _run_tasks() -> None:
    """Let every task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_no_more_batches_enter_than_there_are_slots() -> None:
    """The third of two waits, and enters when another leaves."""
    slots = Slots(2)
    assert [await slots.enter(), await slots.enter()] == [True, True]
    third, fourth = asyncio.create_task(slots.enter()), asyncio.create_task(slots.enter())
    await _run_tasks()
    assert not third.done()
    slots.leave()
    await _run_tasks()
    assert (third.done(), fourth.done()) == (True, False)
    slots.leave()
    assert await fourth


async def test_alone_waits_for_the_others_and_admits_nobody() -> None:
    """It comes before later callers although there are free slots. They enter when it ends."""
    slots = Slots(3)
    await slots.enter()
    inside, may_end = asyncio.Event(), asyncio.Event()

    async def be_alone() -> None:
        async with slots.alone():
            inside.set()
            await may_end.wait()

    alone = asyncio.create_task(be_alone())
    await _run_tasks()
    later = asyncio.create_task(slots.enter())
    await _run_tasks()
    assert (inside.is_set(), later.done()) == (False, False)
    slots.leave()
    await _run_tasks()
    assert (inside.is_set(), later.done()) == (True, False)
    may_end.set()
    await alone
    assert await later


async def test_a_cancelled_wait_for_alone_admits_the_others() -> None:
    """It leaves nothing reserved."""
    slots = Slots(1)
    await slots.enter()

    async def be_alone() -> None:
        async with slots.alone():
            pass

    alone = asyncio.create_task(be_alone())
    await _run_tasks()
    alone.cancel()
    await asyncio.wait({alone})
    slots.leave()
    assert await slots.enter()


async def test_closed_slots_admit_nobody() -> None:
    """Whoever waits gets False, and so does whoever comes. `alone` still works, to finish what is left."""
    slots = Slots(1)
    await slots.enter()
    waiting = asyncio.create_task(slots.enter())
    await _run_tasks()
    slots.close()
    assert not await waiting
    slots.leave()
    assert not await slots.enter()
    async with slots.alone():
        pass
