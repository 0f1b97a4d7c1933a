"""`make install` with an old, a changed or a missing Python, and after an interruption."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# It answers the questions of the Makefile as a Python of VERSION would, and makes environments with itself.
PYTHON = """#!/bin/sh
case "$*" in
  *"-m venv"*) for folder; do :; done; rm -rf "$folder"; mkdir -p "$folder/bin"; cp "$0" "$folder/bin/python";
               echo "made VERSION" >> calls;;
  *sys.exit*) [ VERSION != 3.9 ];;
  *print*) echo VERSION;;
esac
"""
UV = """#!/bin/sh
echo "uv $2" >> calls
[ ! -e broken ]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout with Pythons of three versions, and an uv that only writes down its calls."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    programs = tmp_path / "programs"
    programs.mkdir()
    scripts = {f"python{version}": PYTHON.replace("VERSION", version) for version in ("3.9", "3.11", "3.12")}
    for name, text in {**scripts, "python3": scripts["python3.11"], "uv": UV}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    return tmp_path


def make(checkout: Path, *arguments: str, fails: bool = False) -> tuple[list[str], str]:
    """Run `make install`; return the calls of programs, and what it wrote."""
    (checkout / "calls").write_text("")
    path = f"{checkout / 'programs'}:{os.environ['PATH']}"
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHON", "MAKEFLAGS"}}
    finished = subprocess.run(
        ["make", "install", *arguments],  # noqa: S607 - the user's make
        cwd=checkout,
        env=environment | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode != 0) == fails, finished.stderr
    return (checkout / "calls").read_text().splitlines(), finished.stderr


def test_an_old_python_is_refused_and_leaves_nothing(checkout: Path) -> None:
    """One sentence says what to do, and the next call with a newer Python works."""
    calls, text = make(checkout, "PYTHON=python3.9", fails=True)
    assert calls == []
    assert "Eunoe needs Python 3.11 or later, and python3.9 is not: name one" in text
    assert not (checkout / ".venv").exists()
    assert make(checkout, "PYTHON=python3.12")[0] == ["made 3.12", "uv sync", "uv install"]
    assert make(checkout)[0] == [], "another default Python is no reason to install again"


def test_another_python_makes_the_environment_anew(checkout: Path) -> None:
    """If it is named, and also if the Python of the environment is gone."""
    make(checkout)
    assert make(checkout)[0] == []
    assert make(checkout, "PYTHON=python3.11")[0] == []
    assert make(checkout, "PYTHON=python3.12")[0][0] == "made 3.12"
    (checkout / ".venv/bin/python").unlink()
    assert make(checkout)[0][0] == "made 3.11"


def test_an_interrupted_install_is_not_trusted(checkout: Path) -> None:
    """The next call begins with a new environment. A changed lock keeps the environment, if it was complete."""
    (checkout / "broken").touch()
    make(checkout, fails=True)
    (checkout / "broken").unlink()
    assert make(checkout)[0][0] == "made 3.11"
    os.utime(checkout / ".venv/.synced", (0, 0))  # the lock is newer now
    (checkout / "broken").touch()
    assert "made 3.11" not in make(checkout, fails=True)[0]
    (checkout / "broken").unlink()
    assert make(checkout)[0][0] == "made 3.11"
