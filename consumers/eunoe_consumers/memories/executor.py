"""Do one request and keep its reply, both in one transaction."""

import contextlib
from collections.abc import AsyncGenerator, Mapping

from eunoe_consumers.embedding.coalescing import CoalescingEmbedder, Vector
from eunoe_consumers.memories import (
    administration,
    change,
    checkpoints,
    collections,
    consolidation,
    directives,
    kept_replies,
    reading,
    relations,
    remember,
    sessions,
    tags,
    usage,
)
from eunoe_consumers.memories.call import Call, CurationRules
from eunoe_consumers.memories.handlers import HANDLERS
from eunoe_consumers.memories.refusals import RequestRefused, duplicate_content
from eunoe_consumers.memories.table import ContentTaken
from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.errors import Deadlocked
from eunoe_consumers.postgres.memory_connection import Lifetime, MemoryConnection
from eunoe_schema.memory.base import AnyRequest, ScopedRequest
from eunoe_schema.memory.reply import MemoryReply

# Importing a feature registers its handlers. Name a new file with handlers here; a test finds kinds without a handler.
FEATURES = (
    administration,
    change,
    checkpoints,
    collections,
    consolidation,
    directives,
    reading,
    relations,
    remember,
    sessions,
    tags,
    usage,
)
# Named memories are locked in the order of their ids, contents in the order of their hashes. So two requests may wait
# for each other; PostgreSQL ends one of them after a second.
_ATTEMPTS = 3


class RequestExecutor:
    """Does requests, each once however often it is delivered."""

    def __init__(
        self, database: Database, embedder: CoalescingEmbedder, lifetime: Lifetime, rules: CurationRules
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._lifetime = lifetime
        self._rules = rules

    async def embed(self, request: AnyRequest) -> Mapping[str, Vector]:
        """Return the embedding of each text of a request.

        Raises:
            Unembeddable: If the model fails for one of them.
            ModelUnavailable: If the model fails for every text.
        """
        return await self._embedder.embed_all(request.texts)

    async def execute(self, request: AnyRequest, embeddings: Mapping[str, Vector]) -> MemoryReply:
        """Do a request and return its reply. If it was done before, return its kept reply.

        Raises:
            PermanentError: If it can never be done.
            TransientError: If it may be done later.
        """
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(Deadlocked):
                return await self._attempt(request, embeddings)
        return await self._attempt(request, embeddings)

    async def _attempt(self, request: AnyRequest, embeddings: Mapping[str, Vector]) -> MemoryReply:
        """Do a request. A refusal is kept in a second transaction, because it rolls the first one back."""
        try:
            async with self._begin(request, embeddings) as call:
                if request.changes and (earlier := await kept_replies.claim(call.db, request)) is not None:
                    return earlier
                result = await HANDLERS[type(request)].run(request, call)
                reply = MemoryReply(request_id=request.request_id, result=result)
                if request.changes:
                    await kept_replies.keep(call.db, reply)
                return reply
        except RequestRefused as refused:
            problem = refused.problem
        except ContentTaken:  # another request stored it after the handler's check
            problem = duplicate_content(None).problem
        refusal = MemoryReply(request_id=request.request_id, problem=problem)
        if not request.changes:
            return refusal
        async with self._begin(request, {}) as call:
            if (earlier := await kept_replies.claim(call.db, request)) is not None:
                return earlier
            await kept_replies.keep(call.db, refusal)
            return refusal

    @contextlib.asynccontextmanager
    async def _begin(self, request: AnyRequest, embeddings: Mapping[str, Vector]) -> AsyncGenerator[Call]:
        """Begin a transaction as the curator of the tenant. It is committed unless the block raises."""
        scope = request.scope if isinstance(request, ScopedRequest) else None
        async with self._database.transaction(DatabaseRole.CURATOR, tenant=request.tenant_id) as connection:
            db = MemoryConnection(connection, request.tenant_id, self._lifetime, scope)
            yield Call(db, scope, embeddings, self._embedder.name, self._rules)
