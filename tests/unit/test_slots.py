"""Room for batches: never more than there is, one alone where one must be, nobody after the end."""

import asyncio

from eunoe_consumers.delivery.slots import Slots


async def _settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_no_more_enter_than_there_is_room() -> None:
    """The third of two waits, and goes in when one leaves."""
    slots = Slots(2)
    assert [await slots.enter(), await slots.enter()] == [True, True]
    third, fourth = asyncio.create_task(slots.enter()), asyncio.create_task(slots.enter())
    await _settle()
    assert not third.done()
    slots.leave()
    await _settle()
    assert (third.done(), fourth.done()) == (True, False)
    slots.leave()
    assert await fourth


async def test_who_is_alone_waits_for_the_others_and_lets_nobody_in() -> None:
    """It goes before those who come later, though there is room for them; they enter when it is through."""
    slots = Slots(3)
    await slots.enter()
    inside, may_end = asyncio.Event(), asyncio.Event()

    async def be_alone() -> None:
        async with slots.alone():
            inside.set()
            await may_end.wait()

    alone = asyncio.create_task(be_alone())
    await _settle()
    later = asyncio.create_task(slots.enter())
    await _settle()
    assert (inside.is_set(), later.done()) == (False, False)
    slots.leave()
    await _settle()
    assert (inside.is_set(), later.done()) == (True, False)
    may_end.set()
    await alone
    assert await later


async def test_who_gives_up_being_alone_lets_the_others_in() -> None:
    """A cancelled wait leaves nothing closed behind it."""
    slots = Slots(1)
    await slots.enter()

    async def be_alone() -> None:
        async with slots.alone():
            pass

    alone = asyncio.create_task(be_alone())
    await _settle()
    alone.cancel()
    await asyncio.wait({alone})
    slots.leave()
    assert await slots.enter()


async def test_nobody_enters_after_the_end() -> None:
    """Who waits is sent away, and whoever comes; one may still be alone, to finish what is left."""
    slots = Slots(1)
    await slots.enter()
    waiting = asyncio.create_task(slots.enter())
    await _settle()
    slots.close()
    assert not await waiting
    slots.leave()
    assert not await slots.enter()
    async with slots.alone():
        pass
