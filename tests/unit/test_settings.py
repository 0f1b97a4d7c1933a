"""The settings: where they come from, and that a wrong one is refused by name before anything starts."""

import math
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from eunoe_consumers.settings import Settings
from eunoe_schema.events import DEFAULT_CONTENT_CHARS

# Every bounded setting: the least and the greatest value that is taken.
BOUNDS: dict[str, tuple[float, float]] = {
    "database_connections": (1, 100),
    "statement_cache_size": (0, 10_000),
    "embedding_dimensions": (1, 4_000),
    "embed_slice_texts": (1, 256),
    "embed_batch_tokens": (256, 1_000_000),
    "embed_max_pieces": (1, 10_000),
    "window_messages": (1, 1_000),
    "recall_candidates": (10, 1_000),
    "max_content_chars": (1, 1_000_000),
    "batch_entries": (1, 10_000),
    "claim_after_seconds": (0.5, 3_600),
    "consumer_idle_seconds": (10, 86_400),
    "shutdown_seconds": (0, 600),
    "ann_scope_rows": (100, 1_000_000_000),
    "ann_ef_search": (10, 1_000),
    "ann_m": (2, 32),
    "ann_ef_construction": (64, 1_000),
    "recall_top_k": (0, 100),
    "recall_min_cosine": (-1, 1),
    "recall_memories": (0, 100),
    "memory_near_duplicate_cosine": (-1, 1),
    "memory_task_days": (1, 3_650),
    "memory_purge_after_days": (1, 3_650),
    "janitor_interval_seconds": (1, 86_400),
    "janitor_batch_rows": (1, 10_000),
    "session_idle_seconds": (1, 31_536_000),
    "hnsw_m": (2, 100),
    "hnsw_ef_construction": (4, 1_000),
}
NUMBERS = [*BOUNDS, "start_timeout_seconds"]
CHOICES = {
    "recall_ranking": "bm25",
    "memory_task_expires_from": "last_use",
    "log_level": "debug",
    "log_format": "json",
}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting comes from whoever runs the tests."""
    for name in list(os.environ):
        if name.upper().startswith("EUNOE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def refusal(**values: object) -> str:
    """Return what a user reads of a wrong setting."""
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(values)
    assert [error["loc"] for error in caught.value.errors()] == [(name,) for name in values]
    return str(caught.value)


def test_nothing_need_be_set() -> None:
    """Without any setting there are embedded servers, the documented model and its width, 20 messages of window."""
    settings = Settings()
    assert (settings.redis_url, settings.database_url, settings.data_dir) == (None, None, None)
    assert settings.embedding_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert (settings.embedding_dimensions, settings.window_messages) == (384, 20)
    assert settings.max_content_chars == DEFAULT_CONTENT_CHARS == 32_768
    assert (settings.recall_top_k, settings.recall_min_cosine, settings.recall_ranking) == (10, None, "fusion")


def test_the_environment_is_read_under_our_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    """EUNOE_<NAME> sets a value; a name without the prefix belongs to somebody else."""
    monkeypatch.setenv("EUNOE_WINDOW_MESSAGES", "7")
    monkeypatch.setenv("EUNOE_DATA_DIR", "/var/lib/x")
    monkeypatch.setenv("EUNOE_CLAIM_AFTER_SECONDS", "2.5")
    monkeypatch.setenv("REDIS_URL", "redis://other")
    monkeypatch.setenv("WINDOW_MESSAGES", "8")
    settings = Settings()
    assert (settings.window_messages, settings.claim_after_seconds) == (7, 2.5)
    assert (settings.data_dir, settings.redis_url) == (Path("/var/lib/x"), None)


def test_a_dotenv_file_is_read_behind_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A line in `.env` sets a value, the environment overrides it, and other programs' lines do not disturb."""
    (tmp_path / ".env").write_text("EUNOE_WINDOW_MESSAGES=7\nEUNOE_RECALL_TOP_K=3\nPOSTGRES_PASSWORD=x\n")
    monkeypatch.setenv("EUNOE_RECALL_TOP_K", "4")
    settings = Settings()
    assert (settings.window_messages, settings.recall_top_k) == (7, 4)


def test_every_number_is_bounded_here() -> None:
    """A number that is added must be added to these tests, with its bounds."""
    kinds = {"int", "float", "float | None", "int | None"}
    annotations = {name: info.annotation for name, info in Settings.model_fields.items()}
    numbers = {name for name, kind in annotations.items() if getattr(kind, "__name__", str(kind)) in kinds}
    assert "recall_min_cosine" in numbers
    assert numbers == set(NUMBERS)


@pytest.mark.parametrize(("name", "least", "greatest"), [(name, *bounds) for name, bounds in BOUNDS.items()])
def test_numbers_have_bounds(name: str, least: float, greatest: float) -> None:
    """The bounds themselves are taken; what lies beyond is refused with the bound and the value."""
    step = 1 if isinstance(getattr(Settings(), name), int) else 0.001
    assert getattr(Settings.model_validate({name: least}), name) == least
    assert getattr(Settings.model_validate({name: greatest}), name) == greatest
    assert f"greater than or equal to {least:g}" in refusal(**{name: least - step})
    assert "less than or equal to" in refusal(**{name: greatest + step})


def test_a_start_takes_some_time() -> None:
    """The wait at the start is more than nothing and at most ten minutes."""
    assert "greater than 0" in refusal(start_timeout_seconds=0)
    assert Settings(start_timeout_seconds=0.001).start_timeout_seconds == 0.001
    assert Settings(start_timeout_seconds=600).start_timeout_seconds == 600
    assert "less than or equal to 600" in refusal(start_timeout_seconds=600.001)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["many", "", "1,5", math.nan, math.inf])
def test_what_is_no_number_is_refused(name: str, value: object) -> None:
    """Words, blanks, NaN and infinity are not taken for a number: a NaN would pass for no bound at all."""
    assert name in refusal(**{name: value})


@pytest.mark.parametrize("name", CHOICES)
def test_choices_are_closed(name: str) -> None:
    """A choice that does not exist is refused with those that do."""
    assert getattr(Settings.model_validate({name: CHOICES[name]}), name) == CHOICES[name]
    assert f"'{CHOICES[name]}'" in refusal(**{name: "other"})


def test_a_wrong_environment_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several wrong variables each is named, with the value that was found."""
    monkeypatch.setenv("EUNOE_WINDOW_MESSAGES", "0")
    monkeypatch.setenv("EUNOE_LOG_LEVEL", "loud")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert {error["loc"][0]: error["input"] for error in caught.value.errors()} == {
        "window_messages": "0",
        "log_level": "loud",
    }


def test_settings_do_not_change() -> None:
    """What a process was started with is what it runs with."""
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.window_messages = 1  # pyright: ignore[reportAttributeAccessIssue]


def test_every_setting_says_what_it_is() -> None:
    """`.env.example` and the help are made from these sentences."""
    for name, info in Settings.model_fields.items():
        assert info.description, name
        assert info.description.endswith("."), name


def test_a_secrets_file_is_read_behind_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where a container has the folder of secrets, its files are settings; a variable of that name comes first."""
    monkeypatch.setattr("eunoe_consumers.settings.SECRETS_DIR", tmp_path)
    (tmp_path / "eunoe_redis_url").write_text("redis://secret:6379/0\n", encoding="utf-8")
    monkeypatch.delenv("EUNOE_REDIS_URL", raising=False)
    assert Settings().redis_url == "redis://secret:6379/0"
    monkeypatch.setenv("EUNOE_REDIS_URL", "redis://environment:6379/0")
    assert Settings().redis_url == "redis://environment:6379/0"


def test_without_a_folder_of_secrets_nothing_warns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Most machines have none."""
    monkeypatch.setattr("eunoe_consumers.settings.SECRETS_DIR", tmp_path / "absent")
    assert Settings(redis_url=None).redis_url is None
