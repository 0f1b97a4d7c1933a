"""Access to thread records in Redis: validated keys, retries during an outage, replacement without lost updates."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar, cast
from uuid import UUID

from pydantic import BaseModel, Field, ValidationError
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from eunoe_producers.connection import retry
from eunoe_producers.errors import RedisRefused
from eunoe_producers.threads.errors import UnreadableRecord
from eunoe_schema.codec import encode
from eunoe_schema.lua import register_lua
from eunoe_schema.threads import Thread
from eunoe_schema.validation import checked, describe

ModelT = TypeVar("ModelT", bound=BaseModel)
ResultT = TypeVar("ResultT")

# A longer expiry is most likely a wrong unit, such as milliseconds.
MAX_EXPIRY_SECONDS = 10 * 366 * 24 * 3600
Seconds = Annotated[float, Field(gt=0, le=MAX_EXPIRY_SECONDS)]


class ExpiringThread(Thread):
    """A thread, and the number of seconds until its record expires; None for never."""

    seconds: Seconds | None


def thread_key(make: Callable[[UUID, str], str], tenant_id: UUID, thread_id: str) -> str:
    """Return the key that `make` gives for a thread.

    Raises:
        InvalidEvent: If an id breaks the contract.
    """
    thread = checked(Thread, tenant_id=tenant_id, thread_id=thread_id)
    return make(thread.tenant_id, thread.thread_id)


def milliseconds(seconds: float | None) -> int:
    """Return an expiry in milliseconds, at least 1; 0 for none."""
    return 0 if seconds is None else max(1, round(seconds * 1000))


class Records:
    """Reads records, and replaces a record only if nobody changed it since it was read.

    Attributes:
        redis: The connection of all accessors.
    """

    def __init__(self, redis: Redis, *, place: str, retry_seconds: float) -> None:
        self.redis = redis
        self._place = place
        self._retry_seconds = retry_seconds
        self._replace = self.script("replace_record")

    def script(self, name: str) -> AsyncScript:
        """Return a Lua script of this package."""
        return register_lua(self.redis, "eunoe_producers", name)

    async def run(self, key: str, call: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Repeat `call`, which works on `key`, until Redis answers.

        Raises:
            UnreadableRecord: If the key has another type.
            RedisRefused: If Redis refused the command.
            RedisUnavailable: If Redis did not answer until the retry time was over.
        """
        try:
            return await retry(call, seconds=self._retry_seconds, place=self._place)
        except RedisRefused as error:
            if "WRONGTYPE" in str(error.__cause__):
                raise UnreadableRecord(key, "another type of key") from error
            raise

    async def delete(self, key: str) -> bool:
        """Delete a key, and return whether it existed."""
        return await self.run(key, lambda: self.redis.delete(key)) == 1

    async def read(self, key: str, model: type[ModelT]) -> tuple[bytes, ModelT | None]:
        """Return a record as bytes, for `replace`, and as a model. Return `b""` and None if there is none.

        Raises:
            UnreadableRecord: If the value is not such a record.
        """
        found = cast("bytes | None", await self.run(key, lambda: self.redis.get(key)))
        if found is None:
            return b"", None
        try:
            return found, model.model_validate_json(found)
        except ValidationError as error:
            raise UnreadableRecord(key, describe(error)) from error

    async def replace(self, key: str, read: bytes, new: BaseModel | None, *, expires_ms: int = 0) -> bool:
        """Replace the record `read` by `new`, or delete it if `new` is None. Return whether `new` is stored now.

        Each new record must be unique, for example by an id. Otherwise two callers that write the same value would
        both get true.
        """
        body = b"" if new is None else encode(new)
        return await self.run(key, lambda: self._replace([key], [read, body, expires_ms])) == 1
