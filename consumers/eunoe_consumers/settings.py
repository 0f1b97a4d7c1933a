"""What an operator can set: an environment variable `EUNOE_<NAME>`, a line in `.env`, or a secret's file."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from eunoe_consumers.recall.ranking.weights import ASSISTANT, DIALOGUE, Weights
from eunoe_schema.events import DEFAULT_CONTENT_CHARS

# Where Compose and Kubernetes put a secret's file.
SECRETS_DIR = Path("/run/secrets")
DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"


class Settings(BaseSettings):
    """Read once by the command line and passed down."""

    model_config = SettingsConfigDict(
        env_prefix="EUNOE_",
        env_file=".env",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
        frozen=True,
        extra="ignore",
    )

    redis_url: str | None = Field(
        default=None, description="Redis or Valkey; absent: an embedded Valkey in the data folder."
    )
    database_url: str | None = Field(
        default=None, description="PostgreSQL with pgvector; absent: an embedded one in the data folder."
    )
    data_dir: Path | None = Field(
        default=None,
        description="Folder of the embedded servers; absent: the user's data folder (root: /var/lib/eunoe).",
    )
    database_connections: int = Field(default=4, ge=1, le=100, description="Connections of a process to PostgreSQL.")
    statement_cache_size: int = Field(
        default=100, ge=0, le=10_000, description="Prepared statements kept; 0 behind pgbouncer in transaction mode."
    )
    start_timeout_seconds: float = Field(
        default=30.0, gt=0, le=600, description="How long a command waits for Redis and PostgreSQL at its start."
    )

    purpose: Literal["production", "test", "benchmark"] = Field(
        default="production", description="What the process is for; anything but production allows test doubles."
    )
    embedder: Literal["fastembed", "hash"] = Field(
        default="fastembed",
        description="What embeds; `hash` has no model and no meaning, and is refused in production.",
    )
    embedding_model: str = Field(default=DEFAULT_MODEL, description="A model that fastembed knows.")
    embedding_dimensions: int = Field(
        default=384, ge=1, le=4000, description="Width of the embeddings; fixed by `eunoe migrate up`."
    )
    model_path: Path | None = Field(
        default=None, description="Folder with model.onnx, tokenizer.json and tokenizer_config.json."
    )
    model_cache_dir: Path | None = Field(
        default=None, description="Where prepared models are kept; absent: the user's cache folder."
    )
    embed_slice_texts: int = Field(default=8, ge=1, le=256, description="Texts that one run of the model takes.")
    embed_batch_tokens: int = Field(
        default=8_192, ge=256, le=1_000_000, description="Tokens that are embedded and written at once."
    )
    embed_max_pieces: int = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Pieces of a long message that are embedded, about 200 tokens each; the rest is only stored.",
    )

    window_messages: int = Field(default=20, ge=1, le=1_000, description="Messages that a sliding window holds.")
    max_content_chars: int = Field(
        default=DEFAULT_CONTENT_CHARS, ge=1, le=1_000_000, description="The longest content of a message."
    )
    batch_entries: int = Field(default=512, ge=1, le=10_000, description="Entries that one read of a stream takes.")
    claim_after_seconds: float = Field(
        default=15.0,
        ge=0.5,
        le=3_600,
        description="An entry pending for so long without a sign of life of its consumer is claimed by another.",
    )
    consumer_idle_seconds: float = Field(
        default=300.0, ge=10, le=86_400, description="A consumer gone for so long with nothing pending is deleted."
    )
    shutdown_seconds: float = Field(
        default=20.0, ge=0, le=600, description="How long a stopping process may finish what it has in hand."
    )

    ann_scope_rows: int = Field(
        default=50_000,
        ge=100,
        le=1_000_000_000,
        description="A scope with more turns is searched approximately, once `eunoe index --build` has made its index.",
    )
    ann_ef_search: int = Field(
        default=100, ge=10, le=1_000, description="Candidates of an approximate search: more find more and take longer."
    )
    ann_m: int = Field(default=16, ge=2, le=32, description="Links of a node in an index that is built.")
    ann_ef_construction: int = Field(
        default=64, ge=64, le=1_000, description="Candidates looked at for each node of an index that is built."
    )

    recall_ranking: Literal["fusion", "cosine", "bm25"] = Field(
        default="fusion", description="How turns are ranked; `cosine` and `bm25` by that alone."
    )
    recall_candidates: int = Field(
        default=100, ge=10, le=1_000, description="Turns that each side of the fusion, lexical and semantic, may name."
    )
    recall_excerpts: bool = Field(
        default=False,
        description="Whether a long turn comes as its piece that matches, where the request is silent.",
    )
    recall_top_k: int = Field(
        default=10, ge=0, le=100, description="Turns of a reply, where the request names no number."
    )
    recall_min_cosine: float | None = Field(
        default=None, ge=-1, le=1, description="The least similarity of a turn, where the request names none."
    )

    recall_memories: int = Field(
        default=10, ge=0, le=100, description="Memories of each tier in a reply, where the request names no number."
    )

    memory_near_duplicate_cosine: float = Field(
        default=0.92,
        ge=-1,
        le=1,
        description="From which similarity on a memory is reported as saying nearly the same as a new one.",
    )
    memory_task_days: int = Field(
        default=30, ge=1, le=3_650, description="Days after which a memory of the tier `task` lapses."
    )
    memory_task_expires_from: Literal["creation", "last_use"] = Field(
        default="creation", description="From when those days are counted."
    )
    memory_purge_after_days: int = Field(
        default=30, ge=1, le=3_650, description="Days after which the janitor deletes what was archived or forgotten."
    )
    janitor_interval_seconds: float = Field(
        default=600.0, ge=1, le=86_400, description="How long the janitor rests between two rounds."
    )
    janitor_batch_rows: int = Field(
        default=500, ge=1, le=10_000, description="Rows that one transaction of the janitor takes."
    )
    janitor_merge_near_duplicates: bool = Field(
        default=False, description="Whether the janitor merges memories that say nearly the same."
    )
    session_idle_seconds: float = Field(
        default=1_800.0,
        ge=1,
        le=31_536_000,
        description="After how long a silence a session counts as closed; as long as gateways take for it.",
    )
    hnsw_m: int = Field(
        default=16, ge=2, le=100, description="Links of a memory in the HNSW index; fixed by `eunoe migrate up`."
    )
    hnsw_ef_construction: int = Field(
        default=64,
        ge=4,
        le=1_000,
        description="Candidates while the HNSW index is built, at least twice the links; fixed by `eunoe migrate up`.",
    )
    recall_dialogue: Weights = Field(
        default=DIALOGUE,
        description="Weights of a score's parts where turns are short. EUNOE_RECALL_DIALOGUE__SPEAKER=0 drops one.",
    )
    recall_assistant: Weights = Field(default=ASSISTANT, description="The same where an assistant writes long answers.")

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least level logged."
    )
    log_format: Literal["console", "json"] = Field(default="console", description="How log lines look.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read /run/secrets/eunoe_<setting> too, behind everything else, where a container has that folder."""
        del file_secret_settings  # it would warn where the folder is absent
        given = (init_settings, env_settings, dotenv_settings)
        if not SECRETS_DIR.is_dir():
            return given
        return (*given, SecretsSettingsSource(settings_cls, secrets_dir=SECRETS_DIR))
