"""Records in Redis as the accessors use them: outages are outlasted, refusals become errors of ours."""

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from pydantic import BaseModel, ValidationError
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from eunoe_producers.connection import outlast
from eunoe_producers.errors import RedisRefused
from eunoe_producers.threads.errors import UnreadableRecord
from eunoe_schema.codec import encode
from eunoe_schema.lua import register_lua
from eunoe_schema.validation import describe

ModelT = TypeVar("ModelT", bound=BaseModel)
ResultT = TypeVar("ResultT")


class Records:
    """Reads records, and replaces each only if it is still the one that was read.

    Attributes:
        redis: The connection that all accessors share.
    """

    def __init__(self, redis: Redis, *, place: str, retry_seconds: float) -> None:
        self.redis = redis
        self._place = place
        self._retry_seconds = retry_seconds
        self._replace = self.script("replace_record")

    def script(self, name: str) -> AsyncScript:
        """Return a script of the folder `lua`."""
        return register_lua(self.redis, "eunoe_producers", name)

    async def run(self, key: str, call: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Call until Redis answers; `call` works on `key`, and may be repeated when an answer is lost.

        Raises:
            UnreadableRecord: If the key holds another type.
            RedisRefused: If Redis refused the command.
            RedisUnavailable: If Redis stayed away.
        """
        try:
            return await outlast(call, seconds=self._retry_seconds, place=self._place)
        except RedisRefused as error:
            if "WRONGTYPE" in str(error.__cause__):
                raise UnreadableRecord(key, "another type of key") from error
            raise

    async def read(self, key: str, model: type[ModelT]) -> tuple[bytes, ModelT | None]:
        """Return a record as it stands, for `replace`, and as a model; `b""` and None where there is none.

        Raises:
            UnreadableRecord: If the key holds no such record.
        """
        found = cast("bytes | None", await self.run(key, lambda: self.redis.get(key)))
        if found is None:
            return b"", None
        try:
            return found, model.model_validate_json(found)
        except ValidationError as error:
            raise UnreadableRecord(key, describe(error)) from error

    async def replace(self, key: str, read: bytes, new: BaseModel | None, *, expires_ms: int = 0) -> bool:
        """Put `new` (None: nothing) in the place of the record that was read, and tell whether it stands now.

        A record must differ from every other one ever written, or a caller that lost would be told that it won.
        """
        body = b"" if new is None else encode(new)
        return await self.run(key, lambda: self._replace([key], [read, body, expires_ms])) == 1
