"""Entries that no group can process, appended without the gateway."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import cast
from uuid import UUID

from redis.asyncio import Redis
from redis.typing import EncodableT, FieldT

from eunoe_chaos.groups import AWAY
from eunoe_schema.streams import DATA_FIELD, Subject, reply_channel, stream

_RETRY_SECONDS = 0.1
_NAME = re.compile(rb"poison-\d+")


class PoisonKind(StrEnum):
    """The fault of an entry. The sixth kind, a text that the model refuses, goes through a gateway."""

    NOT_JSON = "not JSON"
    NOT_UTF8 = "not UTF-8"
    NO_DATA = "no data field"
    SCHEMA = "schema violation"
    TENANT = "unknown tenant"


@dataclass
class Poison:
    """A poison entry.

    Attributes:
        name: A text that only this entry contains.
        subject: The stream that it was appended to.
        entry_ids: Its known entry ids.
        perhaps_more: Whether Redis failed during an attempt, so that the stream may hold it once more.
    """

    name: str
    subject: Subject
    entry_ids: set[str] = field(default_factory=set[str])
    perhaps_more: bool = False


class Poisoner:
    """Appends poison and records it."""

    def __init__(self, redis: Redis, tenant_id: UUID, dice: Random) -> None:
        self.written: list[Poison] = []
        self._redis = redis
        self._tenant_id = tenant_id
        self._dice = dice

    async def write(self) -> None:
        """Append one entry of the next kind; every tenth round goes to the stream of recall requests."""
        kinds = list(PoisonKind)
        kind, rounds = kinds[len(self.written) % len(kinds)], len(self.written) // len(kinds)
        poison = Poison(f"poison-{len(self.written)}", Subject.RECALL if rounds % 10 == 1 else Subject.MESSAGES)
        self.written.append(poison)
        fields = self._fields(kind, poison)
        while not poison.entry_ids:
            try:
                entry_id = cast("bytes", await self._redis.xadd(stream(poison.subject), fields))
            except AWAY:
                poison.perhaps_more = True
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            poison.entry_ids.add(entry_id.decode())

    def _fields(self, kind: PoisonKind, poison: Poison) -> dict[FieldT, EncodableT]:
        body = self._body(poison)
        match kind:
            case PoisonKind.NOT_JSON:
                return {DATA_FIELD: f'{{"event_id": "{poison.name}", '.encode()}
            case PoisonKind.NOT_UTF8:
                return {DATA_FIELD: json.dumps(body).encode() + b"\xff\xfe"}
            case PoisonKind.NO_DATA:
                return {"note": poison.name.encode()}
            case PoisonKind.SCHEMA:
                return {DATA_FIELD: json.dumps(body | {"role": "system", "top_k": -1}).encode()}
            case PoisonKind.TENANT:
                stranger = UUID(int=self._dice.getrandbits(128), version=4)
                return {DATA_FIELD: json.dumps(body | {"tenant_id": str(stranger)}).encode()}

    def _body(self, poison: Poison) -> dict[str, object]:
        """Return a valid entry of the stream."""
        scope: dict[str, object] = {
            "tenant_id": str(self._tenant_id),
            "agent_id": str(UUID(int=1)),
            "user_id": poison.name,
        }
        if poison.subject is Subject.RECALL:
            return scope | {"request_id": poison.name, "reply_to": reply_channel("nobody"), "query": "poison?"}
        return scope | {"event_id": poison.name, "role": "user", "content": "poison"}


def name_in(letter: Mapping[bytes, bytes]) -> str | None:
    """Return the name of the poison entry in a dead letter, or None."""
    found = (_NAME.search(value) for name, value in letter.items() if name.startswith(b"entry:"))
    return next((match.group().decode() for match in found if match), None)
