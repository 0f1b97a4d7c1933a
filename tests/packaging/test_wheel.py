"""The wheel in a clean environment: it is complete, and a gateway installs nothing heavy with it."""

import json
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

_ROOT = Path(__file__).parents[2]
_ROOMS = ("schema", "producers", "consumers", "sql")
_HEAVY = ("asyncpg", "numpy", "onnxruntime", "fastembed", "faststream", "pgvector", "typer", "rich", "structlog")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from an sdist, as for a package index."""
    folder = tmp_path_factory.mktemp("dist")

    def build(target: str, source: Path) -> Path:
        command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
        subprocess.run(command, cwd=source, check=True, capture_output=True)
        (built,) = folder.glob("*.tar.gz" if target == "sdist" else "*.whl")
        return built

    sdist = build("sdist", _ROOT)
    if sys.version_info >= (3, 12):  # Debian 12's Python 3.11.2 has no filter
        shutil.unpack_archive(sdist, folder, filter="data")
    else:
        shutil.unpack_archive(sdist, folder)
    return build("wheel", folder / sdist.name.removesuffix(".tar.gz"))


def _requirements(name: str) -> set[str]:
    """Return a distribution and all its requirements without extras, from the metadata of the test environment."""
    found, waiting = set[str](), [name]
    while waiting:
        current = waiting.pop()
        if current.lower() in found:
            continue
        found.add(current.lower())
        for line in metadata.requires(current) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


@pytest.fixture(scope="module")
def gateway_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an interpreter with only the wheel and its base dependencies, made without a network."""
    folder = tmp_path_factory.mktemp("gateway")
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in _requirements("eunoe") - {"eunoe"}:
        for file in metadata.files(name) or []:
            source = Path(str(file.locate()))
            if source.is_file() and ".." not in file.parts:
                target = site / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return folder / "bin" / "python"


def _run(python: Path, code: str) -> str:
    finished = subprocess.run([str(python), "-I", "-c", code], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_a_gateway_installs_the_clients_and_nothing_heavy(gateway_python: Path) -> None:
    """`pip install eunoe` gives a working client without a database driver, numpy or a model runtime."""
    _run(gateway_python, "from eunoe_producers import Gateway, Orchestrator; from eunoe_schema import MessageEvent")
    absent = _run(
        gateway_python,
        f"import importlib.util as u; print([n for n in {_HEAVY!r} if u.find_spec(n) is None])",
    )
    assert absent.strip() == repr(list(_HEAVY))


def test_the_wheel_contains_the_publish_script(gateway_python: Path) -> None:
    """An installed client finds its Lua script."""
    code = (
        "from importlib.resources import files; print(files('eunoe_producers').joinpath('lua/publish.lua').read_text())"
    )
    assert "XADD" in _run(gateway_python, code)


def test_the_command_names_its_missing_extra(gateway_python: Path) -> None:
    """`eunoe` without the extra prints one line that says what to install."""
    finished = subprocess.run(
        [str(gateway_python), "-m", "eunoe_consumers", "demo"], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2
    assert "install eunoe[consumers]" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_the_wheel_contains_every_file_of_every_package(wheel: Path) -> None:
    """Python, SQL, Lua, sample data and py.typed of the source tree are in the wheel."""
    expected = {
        str(path.relative_to(_ROOT / room))
        for room in _ROOMS
        for path in (_ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == expected
    assert {f"eunoe_{room}/py.typed" for room in _ROOMS} <= packed


_SAMPLE = """
from uuid import UUID

from eunoe_producers import BacklogFull, Gateway, Orchestrator
from eunoe_schema import Context, InvalidEvent, MessageEvent, Receipt, Scope


async def publish(gateway: Gateway, event: MessageEvent) -> str | float:
    try:
        receipt: Receipt = await gateway.publish(event)
    except InvalidEvent as error:
        return str(error)
    except BacklogFull as full:
        return full.retry_after_seconds
    return receipt.entry_id


async def ask(orchestrator: Orchestrator, tenant: UUID, agent: UUID) -> list[dict[str, str]]:
    scope = Scope(tenant_id=tenant, agent_id=agent, user_id="ada")
    context: Context = await orchestrator.recall(scope, "Where do I live?", top_k=3)
    best: list[tuple[str, float]] = [(turn.content, turn.cosine) for turn in context.turns]
    return context.to_messages("You are Virgil.", str(best))
"""


def _type_errors(python: Path, folder: Path, sample: str) -> list[str]:
    """Return the errors of pyright in strict mode in a project that uses the installed wheel."""
    (folder / "sample.py").write_text(sample, encoding="utf-8")
    (folder / "pyrightconfig.json").write_text(
        '{"typeCheckingMode": "strict", "include": ["sample.py"]}', encoding="utf-8"
    )
    finished = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", str(python), "--project", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    return [found["message"] for found in json.loads(finished.stdout)["generalDiagnostics"]]


def test_the_wheel_is_typed(gateway_python: Path, tmp_path: Path) -> None:
    """Pyright in strict mode accepts correct use of the clients and reports wrong use."""
    assert _type_errors(gateway_python, tmp_path, _SAMPLE) == []
    (error,) = _type_errors(gateway_python, tmp_path, _SAMPLE.replace("top_k=3", 'top_k="three"'))
    assert "top_k" in error
