"""The progress of a replay, kept in a file, so that the same command continues where the last one stopped."""

import hashlib
import json
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError

from eunoe_consumers.cli.replay_source import FieldMapping


class Progress(BaseModel):
    """The progress of a replay over all its runs.

    Attributes:
        lines: Number of lines done.
        end_bytes: File position of the next line.
        published: Number of events added.
        duplicates: Number of events that were published before.
        conflicts: Number of messages whose event id names another message.
        refused: Number of lines that are not events, or that were refused.
    """

    model_config = ConfigDict(frozen=True)

    lines: int = 0
    end_bytes: int = 0
    published: int = 0
    duplicates: int = 0
    conflicts: int = 0
    refused: int = 0


class ReplayPosition:
    """The checkpoint file of one replay."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, file: Path, mapping: FieldMapping, *, place: str, folder: Path | None) -> "ReplayPosition":
        """Return the checkpoint for a file, its mapping and its destination.

        Args:
            file: The file. A file that has grown counts as another file, and is replayed from its start.
            mapping: The mapping of its lines.
            place: The destination of the events: a URL or a data folder.
            folder: The folder of the checkpoints; None for the user's state folder.
        """
        resolved = file.resolve()
        key = json.dumps(
            [str(resolved), resolved.stat().st_size, dict(mapping.sources), dict(mapping.constants), place],
            sort_keys=True,
            default=str,
        )
        name = f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
        return cls((folder or platformdirs.user_state_path("eunoe") / "replay") / name)

    def load(self) -> Progress:
        """Return the progress; zero if there is no checkpoint, or it cannot be read."""
        try:
            return Progress.model_validate_json(self.path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return Progress()

    def save(self, progress: Progress) -> None:
        """Write the progress; a crash leaves either the old or the new file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(progress.model_dump_json(), encoding="utf-8")
        fresh.replace(self.path)

    def remove(self) -> None:
        """Delete the checkpoint of a finished replay."""
        self.path.unlink(missing_ok=True)
