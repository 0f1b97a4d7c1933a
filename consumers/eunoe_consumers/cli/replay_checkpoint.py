"""How far a replay is, kept in a file, so that the same command goes on where the last one stopped."""

import hashlib
import json
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError

from eunoe_consumers.cli.replay_source import Mapped


class Progress(BaseModel):
    """What a replay has done, over all of its runs.

    Attributes:
        lines: Lines of the file that are done with.
        end_bytes: Where the next line begins.
        published: Events that were added.
        duplicates: Events that had been published before.
        refused: Lines that are no event, or whose event was refused.
    """

    model_config = ConfigDict(frozen=True)

    lines: int = 0
    end_bytes: int = 0
    published: int = 0
    duplicates: int = 0
    refused: int = 0


class ReplayPosition:
    """The file that remembers the progress of one replay."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, file: Path, mapped: Mapped, *, place: str, folder: Path | None) -> "ReplayPosition":
        """Return the checkpoint of a file, as it is mapped, to a place.

        Args:
            file: The file; one that has grown is another file, and replayed from its start.
            mapped: What its lines become.
            place: Where the events go: a URL or a data folder.
            folder: Where checkpoints are kept; None for the user's state folder.
        """
        resolved = file.resolve()
        key = json.dumps(
            [str(resolved), resolved.stat().st_size, dict(mapped.sources), dict(mapped.constants), place],
            sort_keys=True,
            default=str,
        )
        name = f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
        return cls((folder or platformdirs.user_state_path("eunoe") / "replay") / name)

    def load(self) -> Progress:
        """Return the progress; none where there is no checkpoint, or none that can be read."""
        try:
            return Progress.model_validate_json(self.path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return Progress()

    def save(self, progress: Progress) -> None:
        """Write the progress; a crash leaves the old one or the new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(progress.model_dump_json(), encoding="utf-8")
        fresh.replace(self.path)

    def remove(self) -> None:
        """Forget the replay: it is finished."""
        self.path.unlink(missing_ok=True)
