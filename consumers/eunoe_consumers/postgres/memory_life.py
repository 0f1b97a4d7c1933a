"""The statements that end memories: by their time, by a purge, or by a merge."""

from eunoe_consumers.postgres.queries import QueryFile


class LifeQueries(QueryFile, file="memory_life"):
    """The statements of memory_life.sql."""

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
