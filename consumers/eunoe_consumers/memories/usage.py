"""Handle `retrieved`, `injected` and `feedback`."""

from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.refusal import not_found
from eunoe_schema.memory.usage import FeedbackRequest, InjectedRequest, RetrievedRequest, UsedResult


async def retrieved(request: RetrievedRequest, call: Call) -> UsedResult:
    """Count what was returned."""
    return UsedResult(memories=await call.unit.usage.retrieved(call.scope, request.memory_ids))


async def injected(request: InjectedRequest, call: Call) -> UsedResult:
    """Note what was put into a prompt."""
    return UsedResult(memories=await call.unit.usage.injected(call.scope, request.memory_ids))


async def feedback(request: FeedbackRequest, call: Call) -> UsedResult:
    """Move a memory's usefulness."""
    scored = await call.unit.usage.score(call.scope, request.memory_id, request.score)
    if not scored:
        raise not_found(request.memory_id)
    return UsedResult(memories=scored)
