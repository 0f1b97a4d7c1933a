"""`eunoe memory forget`, `restore`, `approve`, `reject`, `archive` and `purge`."""

from collections.abc import Callable, Mapping

from eunoe_consumers.cli.console import confirm
from eunoe_consumers.cli.memory import options as o
from eunoe_consumers.cli.memory.call import MemoryCommand
from eunoe_consumers.cli.options import YesOption
from eunoe_schema.memory import Action
from eunoe_schema.memory.change import PurgeRequest, TransitionRequest

# The commands that move a memory to another state, and their help.
TRANSITIONS: Mapping[str, str] = {
    Action.FORGET: "Forget a memory: it is hidden from everything, and can be restored until it is purged.",
    Action.RESTORE: "Bring back an archived or forgotten memory.",
    Action.APPROVE: "Approve a memory that waits for review. `eunoe memory list --status pending_review` shows them.",
    Action.REJECT: "Reject a memory that waits for review: it is archived.",
    Action.ARCHIVE: "Archive an active memory: take it out of use without forgetting it.",
}


def transition(action: str) -> Callable[..., None]:
    """Return the command that does `action` to a memory."""

    def run(
        memory_id: o.MemoryId,
        *,
        version: o.Version = None,
        request_id: o.RequestId = None,
        tenant: o.Tenant,
        agent: o.Agent = None,
        user: o.User = None,
        deadline: o.Deadline = None,
        as_json: o.AsJson = False,
    ) -> None:
        call = MemoryCommand(tenant, agent, user, deadline, as_json)
        fields = {"kind": action, "memory_id": memory_id, "version": version}
        memory = call.ask(TransitionRequest, request_id=request_id, **fields).memory
        state = "forgotten" if memory.deleted_at else memory.status
        call.show(memory, f"{memory.id} is {state}, version {memory.version}")

    return run


def purge(
    memory_id: o.MemoryId,
    *,
    yes: YesOption = False,
    version: o.Version = None,
    request_id: o.RequestId = None,
    tenant: o.Tenant,
    agent: o.Agent = None,
    user: o.User = None,
    deadline: o.Deadline = None,
    as_json: o.AsJson = False,
) -> None:
    """Delete a memory with its versions, tags and relations, for good."""
    if not yes:
        question = f"Delete memory {memory_id} with its versions, tags and relations for good?"
        confirm(question, err=True)
    call = MemoryCommand(tenant, agent, user, deadline, as_json)
    call.ask(PurgeRequest, request_id=request_id, memory_id=memory_id, version=version)
    call.show({"purged": memory_id}, f"{memory_id} is purged")
