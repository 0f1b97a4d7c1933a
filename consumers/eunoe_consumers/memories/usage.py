"""Uses of memories: retrieved, put into a prompt, rated. A use changes neither the version nor `updated_at`."""

from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.handlers import handles
from eunoe_consumers.memories.refusals import not_found
from eunoe_consumers.postgres.queries import QueryFile, Statement
from eunoe_schema.memory.usage import FeedbackRequest, InjectedRequest, RetrievedRequest, UsedResult

# A moving average: five equal scores move the usefulness two thirds of the way, a single one decides nothing.
FEEDBACK_SHARE = 0.2


class UsageQueries(QueryFile, file="memory_usage"):
    """Statements that count uses."""

    count_retrievals: Statement
    record_injections: Statement
    move_usefulness: Statement


@handles(RetrievedRequest)
async def retrieved(request: RetrievedRequest, call: Call) -> UsedResult:
    """Count that memories were returned, each as often as it is named."""
    return UsedResult(memories=await call.db.execute(UsageQueries.count_retrievals, memory_ids=request.memory_ids))


@handles(InjectedRequest)
async def injected(request: InjectedRequest, call: Call) -> UsedResult:
    """Record that memories were put into a prompt."""
    return UsedResult(memories=await call.db.execute(UsageQueries.record_injections, memory_ids=request.memory_ids))


@handles(FeedbackRequest)
async def feedback(request: FeedbackRequest, call: Call) -> UsedResult:
    """Move the usefulness of a memory towards a score."""
    rated = await call.db.execute(
        UsageQueries.move_usefulness,
        memory_id=request.memory_id,
        score=request.score,
        feedback_share=FEEDBACK_SHARE,
    )
    if not rated:
        raise not_found(request.memory_id)
    return UsedResult(memories=rated)
