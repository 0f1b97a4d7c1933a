"""The faults of a storm: their targets, their order, and the time of the recovery."""

import asyncio
import contextlib
import signal
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from eunoe_chaos.consumers import Fleet, RoleProcess
from eunoe_chaos.gateways import Publisher
from eunoe_chaos.groups import GROUPS, GroupWatch
from eunoe_chaos.plan import Fault, Plan
from eunoe_chaos.servers import Servers
from eunoe_chaos.waiting import came_true
from eunoe_schema.streams import Group, Subject

_POLL_SECONDS = 0.01
# Limits far above the normal times. A step that exceeds one is given up and shows in the figures.
_VICTIM_SECONDS = 120.0
_CLAIMED_SECONDS = 30.0
_RECOVERY_SECONDS = 120.0
_CONSUMER_LANES = 2  # consumers that are hit at the same time, in addition to one server


@dataclass
class Injected:
    """Counts and times of the injected faults.

    Attributes:
        hits: Faults that happened. A consumer is hit only with entries in flight.
        recovery_seconds: From each fault until its groups had finished everything published before its end.
        unrecovered: Faults after which that took longer than two minutes.
        claimed: Frozen consumers that continued after others had claimed all their entries.
    """

    hits: dict[Fault, int] = field(default_factory=lambda: dict.fromkeys(Fault, 0))
    recovery_seconds: dict[Fault, list[float]] = field(default_factory=lambda: defaultdict(list))
    unrecovered: int = 0
    claimed: int = 0


class Faults:
    """Injects the faults of a plan: two consumers and one server at a time, in an order given by the seed."""

    def __init__(
        self, plan: Plan, servers: Servers, fleet: Fleet, watch: GroupWatch, publisher: Publisher, log: Path
    ) -> None:
        self.injected = Injected()
        self._log = log
        self._plan = plan
        self._servers = servers
        self._fleet = fleet
        self._watch = watch
        self._publisher = publisher
        self._freezing = {role: asyncio.Lock() for role in GROUPS}
        self._dice = Random(plan.seed)  # noqa: S311 - repeatable, not secret

    async def run(self) -> None:
        """Inject every fault of the plan; each lane waits for the recovery from one before the next."""
        roles = list(GROUPS)  # in turn: every kind of fault meets every role
        order = [
            (fault, roles[turn % len(roles)]) for fault, times in self._plan.faults.items() for turn in range(times)
        ]
        self._dice.shuffle(order)
        of_consumers = [(fault, role) for fault, role in order if not fault.of_server]
        of_servers = [fault for fault, _ in order if fault.of_server]
        async with asyncio.TaskGroup() as lanes:
            for _ in range(_CONSUMER_LANES):
                lanes.create_task(self._consumer_lane(of_consumers))
            lanes.create_task(self._server_lane(of_servers))

    async def _consumer_lane(self, left: list[tuple[Fault, Group]]) -> None:
        while left:
            fault, role = left.pop()
            if fault is Fault.KILLER:
                await self._timed(fault, self._killer, [Group.EMBED])
                continue
            # One frozen process of a role at a time: another one must be able to claim its entries.
            async with self._freezing[role] if fault is Fault.FREEZE else contextlib.nullcontext():
                if (victim := await self._victim(role)) is not None:
                    hit = {Fault.KILL: self._kill, Fault.STOP: self._stop, Fault.FREEZE: self._freeze}[fault]
                    await self._timed(fault, lambda hit=hit, victim=victim: hit(victim), [role])

    async def _server_lane(self, left: list[Fault]) -> None:
        hits = {
            Fault.REDIS_KILL: self._kill_redis,
            Fault.POSTGRES_KILL: self._kill_postgres,
            Fault.POSTGRES_REFUSAL: self._refuse_connections,
        }
        for fault in left:
            await self._timed(fault, hits[fault], list(GROUPS))

    async def _victim(self, role: Group) -> RoleProcess | None:
        """Freeze a consumer of a role while it has entries in flight, and return it.

        It is frozen first and checked again: otherwise most would finish their batch before the fault.
        """
        ends = time.monotonic() + _VICTIM_SECONDS
        while time.monotonic() < ends:
            in_flight = await self._watch.in_flight(role)
            for process in self._fleet.processes(role):
                if process.taken or process.asked_to_end or not in_flight.get(process.pid):
                    continue
                process.taken = True
                process.freeze()
                if (await self._watch.in_flight(role)).get(process.pid) and process.exit_code is None:
                    return process
                process.wake()
                process.taken = False
            await asyncio.sleep(_POLL_SECONDS)
        return None

    async def _timed(self, fault: Fault, hit: Callable[[], Awaitable[object]], groups: Collection[Group]) -> None:
        """Inject a fault, and wait until its groups have finished everything published before its end."""
        started = time.monotonic()
        self._write_log(f"{fault} begins", groups)
        await hit()
        self._write_log(f"{fault} ends", groups)
        self.injected.hits[fault] += 1
        marks = {subject: await self._watch.last_entry(subject) for subject in Subject}

        async def recovered() -> bool:
            return all([await self._watch.passed(group, marks[group.subject]) for group in groups])

        is_over = await came_true(recovered, seconds=_RECOVERY_SECONDS)
        seconds = time.monotonic() - started
        self.injected.unrecovered += not is_over  # an await within += would lose the count of another lane
        self.injected.recovery_seconds[fault].append(seconds)
        self._write_log(f"{fault} {'is overcome' if is_over else 'is not overcome'} after {seconds:.1f} s", groups)

    def _write_log(self, what: str, groups: Collection[Group]) -> None:
        """Log a step, for reading beside the logs of the consumers."""
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{datetime.now(UTC).isoformat()} {', '.join(groups)}: {what}\n")

    async def _kill(self, victim: RoleProcess) -> None:
        victim.end(signal.SIGKILL)

    async def _stop(self, victim: RoleProcess) -> None:
        await self._fleet.stop(victim)

    async def _freeze(self, victim: RoleProcess) -> None:
        async def claimed() -> bool:
            return not (await self._watch.in_flight(victim.role)).get(victim.pid)

        is_claimed = await came_true(claimed, seconds=_CLAIMED_SECONDS)
        self.injected.claimed += is_claimed
        victim.wake()
        victim.taken = False

    async def _killer(self) -> None:
        await self._publisher.publish_killer()

    async def _kill_redis(self) -> None:
        await asyncio.to_thread(self._servers.kill_redis)
        await asyncio.to_thread(self._servers.start_redis)

    async def _kill_postgres(self) -> None:
        await asyncio.to_thread(self._servers.kill_postgres)
        await asyncio.to_thread(self._servers.start_postgres)

    async def _refuse_connections(self) -> None:
        await self._servers.refuse_connections(self._plan.refusal_seconds)
