"""Do one request in one transaction: what it changes, and the reply that is kept of it, are there together or not."""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from uuid import UUID

from eunoe_consumers.embedding.coalescing import CoalescingEmbedder
from eunoe_consumers.memories.call import Call, CurationRules
from eunoe_consumers.memories.handlers import HANDLERS
from eunoe_consumers.memories.refusal import RequestRefused, duplicate_content
from eunoe_consumers.postgres.answered_requests import KeptReply
from eunoe_consumers.postgres.curation import Curation, CurationStore
from eunoe_consumers.postgres.errors import Deadlocked
from eunoe_consumers.postgres.memories import ContentTaken, Embedded
from eunoe_schema.codec import encode
from eunoe_schema.memory.base import AnyRequest, Result, ScopedRequest
from eunoe_schema.memory.change import ReplacedResult
from eunoe_schema.memory.memory import MemoryResult
from eunoe_schema.memory.remember import RememberResult
from eunoe_schema.memory.reply import MemoryReply, Problem, ProblemCode
from eunoe_schema.memory.scope import MemoryScope

# What says how a request came and not what it asks.
_ENVELOPE = {"request_id", "reply_to", "deadline_seconds"}
# Memories are locked in the order of their ids where they are named, in that of their hashes where contents are: two
# requests may have to wait for each other. PostgreSQL ends one of them after a second.
_ATTEMPTS = 3


class RequestExecutor:
    """Does requests, each once however often it comes."""

    def __init__(self, store: CurationStore, embedder: CoalescingEmbedder, rules: CurationRules) -> None:
        self._store = store
        self._embedder = embedder
        self._rules = rules

    async def embed(self, request: AnyRequest) -> Mapping[str, Embedded]:
        """Return the embedding of each of a request's texts.

        Raises:
            Unembeddable: If the model has none for one of them.
            ModelUnavailable: If the model fails for every text.
        """
        vectors = await self._embedder.embed_all(request.texts)
        return {text: Embedded(vector, self._embedder.name) for text, vector in vectors.items()}

    async def answer(self, request: AnyRequest, embedded: Mapping[str, Embedded]) -> MemoryReply:
        """Return the reply to a request; that of its first time where it comes again.

        Raises:
            PermanentError: If it can never be done.
            TransientError: If it may be done later.
        """
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(Deadlocked):
                return await self._answer(request, embedded)
        return await self._answer(request, embedded)

    async def _answer(self, request: AnyRequest, embedded: Mapping[str, Embedded]) -> MemoryReply:
        scope = request.scope if isinstance(request, ScopedRequest) else None
        try:
            async with self._store.begin(request.tenant_id) as unit:
                call = Call(unit, scope, embedded, self._rules)
                if scope is None or not request.changes:
                    return MemoryReply(
                        request_id=request.request_id, result=await HANDLERS[type(request)](request, call)
                    )
                return await _once(unit, scope, request, call)
        except RequestRefused as refused:
            problem = refused.problem
        except ContentTaken:  # by one that was faster, between a handler's look and its write
            problem = duplicate_content(None).problem
        if scope is None or not request.changes:
            return MemoryReply(request_id=request.request_id, problem=problem)
        # What the handler did is undone with its transaction; that it was refused is kept in another. Who did the same
        # request in between has answered it.
        async with self._store.begin(request.tenant_id) as unit:
            return await _once(unit, scope, request, problem)


async def _once(unit: Curation, scope: MemoryScope, request: AnyRequest, outcome: Call | Problem) -> MemoryReply:
    """Do a request that was not answered yet, or refuse it with a problem, and keep the reply."""
    body_hash = _body_hash(request)
    answered = await unit.requests.claim(scope, request.request_id, body_hash)
    if answered is not None:
        return _again(request, answered, body_hash)
    if isinstance(outcome, Problem):
        reply = MemoryReply(request_id=request.request_id, problem=outcome)
    else:
        result = await HANDLERS[type(request)](request, outcome)
        reply = MemoryReply(request_id=request.request_id, result=result)
    await unit.requests.keep(scope.tenant_id, request.request_id, encode(reply).decode(), _quoted(reply.result))
    return reply


def _again(request: AnyRequest, answered: KeptReply, body_hash: str) -> MemoryReply:
    if answered.body_hash == body_hash:
        return MemoryReply.model_validate_json(answered.reply)
    problem = Problem(
        code=ProblemCode.REQUEST_REUSED,
        message=f"request_id: {request.request_id!r} was used for another request: make a new one for each",
    )
    return MemoryReply(request_id=request.request_id, problem=problem)


def _body_hash(request: AnyRequest) -> str:
    """Return the SHA-256 of what is asked, however it was written down.

    Without what is as by default, so that a request which waits for its redelivery is the same to a later version, in
    which its kind has more fields.
    """
    asked = request.model_dump(mode="json", exclude=_ENVELOPE, exclude_defaults=True)
    return hashlib.sha256(json.dumps([request.kind, asked], sort_keys=True).encode()).hexdigest()


def _quoted(result: Result | None) -> set[UUID]:
    """Return the memories whose words a reply quotes."""
    match result:
        case RememberResult(remembered=remembered):
            return {m.id for one in remembered for m in (one.memory, *(near.memory for near in one.candidates))}
        case MemoryResult(memory=memory):
            return {memory.id}
        case ReplacedResult(memory=memory, replaced=replaced):
            return {memory.id, *(old.id for old in replaced)}
        case _:
            return set()
