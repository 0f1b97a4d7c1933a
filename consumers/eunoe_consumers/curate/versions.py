"""Handle `versions`."""

from eunoe_consumers.curate.call import Call
from eunoe_consumers.curate.cursor import from_cursor, to_cursor
from eunoe_consumers.curate.read import readable
from eunoe_schema.memory.versions import VersionPage, VersionsRequest


async def versions(request: VersionsRequest, call: Call) -> VersionPage:
    """Return a page of the contents that a memory has had."""
    await readable(request.memory_id, call, forgotten=request.forgotten)
    after = from_cursor(request.cursor, _version)
    # One more than is asked for: it says whether there is another page.
    found = await call.unit.versions.read(
        call.scope.tenant_id, request.memory_id, limit=request.limit + 1, before=after[1] if after else None
    )
    shown = found[: request.limit]
    return VersionPage(
        memory_id=request.memory_id,
        versions=tuple(shown),
        cursor=to_cursor(shown[-1].created_at, shown[-1].version) if len(found) > request.limit else None,
    )


def _version(text: str) -> int:
    version = int(text)
    if not 1 <= version < 2**31:
        raise ValueError(text)
    return version
