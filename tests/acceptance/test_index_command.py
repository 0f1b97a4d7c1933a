"""`eunoe index` by the real command line."""

from uuid import UUID

from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.giants.scopes import index_name
from eunoe_tests.commands import run, run_json
from eunoe_tests.events import scope_of
from eunoe_tests.processes import Clis
from eunoe_tests.vectors import clustered, write_vectors


async def test_index_shows_and_builds_missing_indexes(clis: Clis, database: Database, tenant: UUID) -> None:
    """It shows no giant scope, then one without an index, then one with it; for people and for programs."""
    assert "every search is exact" in await run(clis, "index", ann_scope_rows=100)
    scope = scope_of(tenant, "giant")
    await write_vectors(database, scope, clustered(120, seed=1))
    row = {**scope.model_dump(mode="json"), "rows": 120, "index": index_name(scope)}

    found = await run_json(clis, "index", ann_scope_rows=100)
    assert found == {"scopes": [{**row, "state": "missing", "listed_at": None}], "unused_indexes": []}
    built = await run_json(clis, "index", "--build", ann_scope_rows=100)
    assert (built["built"], built["dropped"]) == ([index_name(scope)], [])
    again = await run_json(clis, "index", "--build", ann_scope_rows=100)
    assert (again["built"], again["dropped"]) == ([], [])
    (ready,) = again["scopes"]
    assert ready == {**row, "state": "ready", "listed_at": ready["listed_at"]}
    assert ready["listed_at"]

    shown = await run(clis, "index", ann_scope_rows=100)
    assert "giant" in shown
    assert "ready" in shown
    assert "built 0, dropped 1" in await run(clis, "index", "--build", ann_scope_rows=1_000)
