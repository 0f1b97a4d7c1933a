"""Load the named blocks of `eunoe_sql/queries` into typed fields, and fail at load when one is wrong."""

import re
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files

from eunoe_schema.errors import EunoeError

_NAME = re.compile(r"^-- name: ([a-z_]+)$", re.MULTILINE)


class QueryError(EunoeError):
    """The SQL files and the fields of Queries do not agree."""


@dataclass(frozen=True)
class Queries:
    """Every statement that Eunoe runs; one field a block, the block's comment says what it is for."""

    add_tenant: str
    list_tenants: str
    find_tenant: str
    remove_tenant: str
    text_search_configurations: str
    tenant_ids: str
    insert_agents: str
    insert_users: str
    insert_sessions: str
    insert_speakers: str
    insert_turns: str
    insert_pieces: str
    last_turns: str
    introduce: str
    find_active: str
    insert_memory: str
    find_twin: str
    lock_memories: str
    read_memories: str
    revise_memory: str
    set_memory_status: str
    point_to_successor: str
    purge_memory: str
    list_memories: str
    nearest_memories: str
    nearest_filtered_memories: str
    near_duplicates: str
    add_tags: str
    remove_tags: str
    count_tags: str
    touch_memory: str
    archive_lapsed: str
    archive_lapsed_content: str
    renew_lapsed: str
    purge_ended: str
    drop_quoting_replies: str
    drop_old_replies: str
    uncompared_memories: str
    nearest_twin: str
    absorb_memory: str
    copy_tags: str
    mark_compared: str
    try_alone: str
    count_retrievals: str
    note_injections: str
    move_usefulness: str
    oldest_memories: str
    find_words: str
    widen_index_search: str
    nearest_of_tenant: str
    read_tenant_memories: str
    read_versions: str
    read_replaced: str
    add_relation: str
    remove_relation: str
    walk_relations: str
    relations_among: str
    insert_collection: str
    has_collection: str
    lock_collection: str
    read_collections: str
    update_collection: str
    delete_collection: str
    add_members: str
    remove_members: str
    touch_collection: str
    lock_session: str
    reopen_session: str
    close_session: str
    read_sessions: str
    insert_checkpoint: str
    load_checkpoint: str
    list_checkpoints: str
    lock_directives: str
    set_directive: str
    read_directives: str
    order_directives: str
    remove_directive: str
    claim_request: str
    read_reply: str
    keep_reply: str
    empty_replies: str
    take_role: str
    applied_versions: str
    embedding_dimensions: str
    server_versions: str
    row_counts: str
    scope_facts: str
    outline: str
    candidates: str
    neighbours: str
    is_giant: str
    search_approximately: str
    nearest_approximate: str
    any_memory: str
    recall_memories: str
    search_exactly: str
    count_scopes: str
    count_turns: str
    list_giants: str
    add_giant: str
    remove_giant: str
    giant_indexes: str
    giant_index_statement: str
    drop_index_statement: str
    try_lock: str
    note_stream: str
    list_losses: str
    dismiss_losses: str


def parse(text: str, *, source: str) -> dict[str, str]:
    """Split a SQL file into its named blocks.

    Raises:
        QueryError: If a block is empty, stands twice, or has no line of purpose.
    """
    parts = _NAME.split(text)
    if parts[0].strip():
        msg = f"{source}: text before the first `-- name:` line"
        raise QueryError(msg)
    blocks: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        lines = body.strip().splitlines()
        if not lines or not lines[0].startswith("-- "):
            msg = f"{source}: block {name} has no line of purpose"
            raise QueryError(msg)
        statement = "\n".join(line for line in lines if not line.startswith("--")).strip().rstrip(";")
        if not statement:
            msg = f"{source}: block {name} is empty"
            raise QueryError(msg)
        if name in blocks:
            msg = f"{source}: block {name} stands twice"
            raise QueryError(msg)
        blocks[name] = statement
    return blocks


@cache
def load_queries() -> Queries:
    """Load every query file.

    Raises:
        QueryError: If a block is missing, unknown, duplicate or empty.
    """
    blocks: dict[str, str] = {}
    for file in sorted(files("eunoe_sql").joinpath("queries").iterdir(), key=lambda file: file.name):
        for name, statement in parse(file.read_text(encoding="utf-8"), source=file.name).items():
            if name in blocks:
                msg = f"{file.name}: block {name} stands in another file too"
                raise QueryError(msg)
            blocks[name] = statement
    expected = {field.name for field in fields(Queries)}
    if wrong := expected.symmetric_difference(blocks):
        msg = f"blocks and fields differ: {', '.join(sorted(wrong))}"
        raise QueryError(msg)
    return Queries(**blocks)
