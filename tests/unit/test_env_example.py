"""`.env.example` agrees with the class Settings."""

import os
import re
from pathlib import Path

import pytest

from eunoe_consumers.cli.env_example import env_example, settings_page, variable
from eunoe_consumers.settings import Settings

_COMMITTED = Path(__file__).parents[2] / ".env.example"


def test_the_committed_file_is_up_to_date() -> None:
    """After a change of a setting, `eunoe settings --env-example > .env.example` regenerates it."""
    assert _COMMITTED.read_text(encoding="utf-8") == env_example()


def test_the_page_of_settings_is_up_to_date() -> None:
    """After a change of a setting, `make docs` regenerates docs/settings.md."""
    page = (_COMMITTED.parent / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == settings_page()


def test_every_setting_occurs_once_and_is_commented_out() -> None:
    """A plain copy of the file sets nothing."""
    lines = env_example().splitlines()
    assert all(not line or line.startswith("# ") for line in lines)
    names = [found[1] for line in lines if (found := re.match(r"# (EUNOE_[A-Z_]+)=", line))]
    assert names == [variable(name) for name in Settings.model_fields]


def test_uncommented_defaults_are_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The value after each name is valid, and is the default."""
    for name in list(os.environ):
        if name.upper().startswith("EUNOE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    given = re.findall(r"^# (EUNOE_[A-Z_]+=.+)$", env_example(), re.MULTILINE)
    Path(".env").write_text("\n".join(given), encoding="utf-8")
    assert len(given) > 10
    assert Settings() == Settings.model_construct()
