"""The settings: their sources, their bounds, and which room declares each. A wrong one is refused by name."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import pytest
from pydantic import ValidationError

from eunoe_consumers.delivery.settings import DeliverySettings
from eunoe_consumers.janitor.build import build as build_janitor
from eunoe_consumers.processes.role import ProcessRole
from eunoe_consumers.roles import DUTIES, GROUPS
from eunoe_consumers.settings import Settings
from eunoe_consumers.window.settings import WindowSettings
from eunoe_schema.events import DEFAULT_CONTENT_CHARS

# Every bounded setting, with its smallest and its largest value.
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
    """No setting comes from the environment of the test run."""
    for name in list(os.environ):
        if name.upper().startswith("EUNOE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def refusal(**values: object) -> str:
    """Return the error message about wrong settings; '' if they are accepted."""
    try:
        Settings.model_validate(values)
    except ValidationError as error:
        named = [item["loc"] for item in error.errors()] == [(name,) for name in values]
        return str(error) if named else "another setting is named"
    return ""


def accepted(name: str, value: object) -> bool:
    """Return whether a setting takes a value as it is."""
    return not refusal(**{name: value}) and getattr(Settings.model_validate({name: value}), name) == value


def test_every_setting_has_a_default() -> None:
    """Without any setting: embedded servers, the documented model and its width, a window of 20 messages."""
    settings = Settings()
    assert (settings.redis_url, settings.database_url, settings.data_dir) == (None, None, None)
    assert settings.embedding_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert (settings.embedding_dimensions, settings.window_messages) == (384, 20)
    assert settings.max_content_chars == DEFAULT_CONTENT_CHARS == 32_768
    assert (settings.recall_top_k, settings.recall_min_cosine, settings.recall_ranking) == (10, None, "fusion")


def test_the_environment_is_read_with_our_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    """EUNOE_<NAME> sets a value. A name without the prefix belongs to another program."""
    monkeypatch.setenv("EUNOE_WINDOW_MESSAGES", "7")
    monkeypatch.setenv("EUNOE_DATA_DIR", "/var/lib/x")
    monkeypatch.setenv("EUNOE_CLAIM_AFTER_SECONDS", "2.5")
    monkeypatch.setenv("REDIS_URL", "redis://other")
    monkeypatch.setenv("WINDOW_MESSAGES", "8")
    settings = Settings()
    assert (settings.window_messages, settings.claim_after_seconds) == (7, 2.5)
    assert (settings.data_dir, settings.redis_url) == (Path("/var/lib/x"), None)


def test_one_weight_of_a_set_can_be_changed_by_its_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other weights keep their defaults."""
    defaults = Settings().recall_dialogue
    monkeypatch.setenv("EUNOE_RECALL_DIALOGUE__SPEAKER", "0")
    assert defaults.speaker > 0
    assert Settings().recall_dialogue == defaults.model_copy(update={"speaker": 0.0})


def test_a_dotenv_file_comes_after_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A line in `.env` sets a value, a variable overrides it, and lines of other programs are ignored."""
    (tmp_path / ".env").write_text("EUNOE_WINDOW_MESSAGES=7\nEUNOE_RECALL_TOP_K=3\nPOSTGRES_PASSWORD=x\n")
    monkeypatch.setenv("EUNOE_RECALL_TOP_K", "4")
    settings = Settings()
    assert (settings.window_messages, settings.recall_top_k) == (7, 4)


def test_a_file_of_secrets_comes_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If a container has the folder, its files are settings. A variable of the same name overrides them."""
    monkeypatch.setattr("eunoe_consumers.settings.SECRETS_DIR", tmp_path)
    (tmp_path / "eunoe_redis_url").write_text("redis://secret:6379/0\n", encoding="utf-8")
    assert Settings().redis_url == "redis://secret:6379/0"
    monkeypatch.setenv("EUNOE_REDIS_URL", "redis://environment:6379/0")
    assert Settings().redis_url == "redis://environment:6379/0"


def test_an_absent_folder_of_secrets_does_not_warn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Most machines have none, and warnings are errors in these tests."""
    monkeypatch.setattr("eunoe_consumers.settings.SECRETS_DIR", tmp_path / "absent")
    assert Settings(redis_url=None).redis_url is None


def test_every_number_is_listed_above() -> None:
    """Whoever adds a number adds its bounds to these tests."""
    kinds = {"int", "float", "float | None", "int | None"}
    annotations = {name: info.annotation for name, info in Settings.model_fields.items()}
    numbers = {name for name, kind in annotations.items() if getattr(kind, "__name__", str(kind)) in kinds}
    assert "recall_min_cosine" in numbers
    assert numbers == set(NUMBERS)


def _failures_at_the_bounds() -> Iterator[str]:
    defaults = Settings()
    for name, (least, greatest) in BOUNDS.items():
        step = 1 if isinstance(getattr(defaults, name), int) else 0.001
        for bound in (least, greatest):
            if not accepted(name, bound):
                yield f"{name}={bound} is refused"
        if f"greater than or equal to {least:g}" not in refusal(**{name: least - step}):
            yield f"{name}={least - step} is not refused with its bound"
        if "less than or equal to" not in refusal(**{name: greatest + step}):
            yield f"{name}={greatest + step} is not refused with its bound"


def test_numbers_are_bounded() -> None:
    """The bounds are accepted. Values beyond them are refused with the bound."""
    assert list(_failures_at_the_bounds()) == []


def test_a_start_may_wait_up_to_ten_minutes() -> None:
    """The wait is longer than nothing."""
    assert "greater than 0" in refusal(start_timeout_seconds=0)
    assert "less than or equal to 600" in refusal(start_timeout_seconds=600.001)
    assert all(accepted("start_timeout_seconds", seconds) for seconds in (0.001, 600))


def test_values_that_are_no_numbers_are_refused() -> None:
    """Words, blanks, NaN and infinity. A NaN would pass every comparison with a bound."""
    wrong = ["many", "", "1,5", math.nan, math.inf]
    assert [(name, value) for name in NUMBERS for value in wrong if name not in refusal(**{name: value})] == []


def test_choices_are_closed() -> None:
    """An unknown choice is refused with the known ones."""
    assert [name for name, choice in CHOICES.items() if not accepted(name, choice)] == []
    assert [name for name, choice in CHOICES.items() if f"'{choice}'" not in refusal(**{name: "other"})] == []


def test_all_wrong_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its value."""
    monkeypatch.setenv("EUNOE_WINDOW_MESSAGES", "0")
    monkeypatch.setenv("EUNOE_LOG_LEVEL", "loud")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert {error["loc"][0]: error["input"] for error in caught.value.errors()} == {
        "window_messages": "0",
        "log_level": "loud",
    }


def test_settings_are_frozen() -> None:
    """A process keeps the settings that it started with, in all its rooms."""
    for settings in (Settings(), WindowSettings()):
        with pytest.raises(ValidationError, match="frozen"):
            settings.window_messages = 1  # pyright: ignore[reportAttributeAccessIssue]


def test_every_setting_has_a_description() -> None:
    """`.env.example` and docs/settings.md are made from them."""
    descriptions = {name: info.description or "" for name, info in Settings.model_fields.items()}
    assert [name for name, description in descriptions.items() if not description.endswith(".")] == []


def test_every_setting_is_declared_once() -> None:
    """A room names its settings in its own class, and no two rooms declare the same name."""
    declared = [
        name for base in Settings.__mro__ for name in vars(base).get("__annotations__", {}) if name != "model_config"
    ]
    assert sorted(name for name in declared if name in Settings.model_fields) == sorted(Settings.model_fields)


def test_each_role_is_built_by_a_room_from_its_own_settings() -> None:
    """The table of roles is complete. A room's `build` sees the settings of its room, not all of them."""
    assert {*GROUPS, *DUTIES} == set(ProcessRole)
    for build in (*GROUPS.values(), build_janitor):
        (taken, *_) = get_type_hints(build).values()
        assert issubclass(Settings, taken)
        assert taken is not Settings
        assert taken.__module__.removesuffix(".settings") == build.__module__.removesuffix(".build")


def test_a_room_takes_its_own_class() -> None:
    """All settings are settings of each room, and a room's class needs no environment."""
    settings = Settings(window_messages=7)
    assert isinstance(settings, WindowSettings)
    assert isinstance(settings, DeliverySettings)
    assert WindowSettings(window_messages=7).max_content_chars == settings.max_content_chars
    assert set(DeliverySettings.model_fields) == {
        "batch_entries",
        "claim_after_seconds",
        "consumer_idle_seconds",
        "shutdown_seconds",
    }
