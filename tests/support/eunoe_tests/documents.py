"""The examples of the documents: fenced blocks, and the commands of shell blocks."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "benchmarks" / "README.md")

# Languages of blocks that hold no example to run. A fence without a language is an error.
NOT_CODE = frozenset({"text", "sql", "{toctree}"})
# Commands that the test of the documents does not run, with the reason. Nothing else is left out.
NOT_RUN: Mapping[str, str] = {
    "make demo": "test_embedded_commands.py runs `eunoe demo`",
    "make": "installs, tests or builds: CI runs it",
    "export": "the servers of the test have other URLs",
    "eunoe consume": "keeps running: the test itself starts a consumer of every role",
    "python benchmarks/": "takes minutes: only the script is looked for",
}
_FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROGRAM = re.compile(r"# (\w+\.py)\n")


@dataclass(frozen=True)
class Command:
    """A command of a shell block.

    Attributes:
        text: As it stands in the document.
        words: Its words, without comments and quotation marks; `.venv/bin/` before the program is left out.
    """

    text: str
    words: tuple[str, ...]

    @property
    def reason_not_to_run(self) -> str | None:
        """Return the entry of NOT_RUN that the command falls under, the longest; None for a command to run."""
        text = " ".join(self.words)
        return max((entry for entry in NOT_RUN if text.startswith(entry)), key=len, default=None)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        document: The file.
        line: The line of its first fence.
        language: The word behind the fence.
        text: The lines between the fences.
    """

    document: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """Return where a reader finds the block."""
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    @property
    def program(self) -> str | None:
        """Return the file name in the first line of a complete program; a fragment has none."""
        found = _PROGRAM.match(self.text) if self.language == "python" else None
        return found[1] if found else None

    @property
    def is_example(self) -> bool:
        """Return whether there is anything to run."""
        if self.language == "shell":
            return any(command.reason_not_to_run is None for command in self.commands())
        return self.language == "python"

    def commands(self) -> Iterator[Command]:
        """Yield the commands of a shell block. A quoted word may span lines."""
        pending = ""
        for line in self.text.splitlines():
            pending += line
            try:
                words = shlex.split(pending, comments=True)
            except ValueError:  # an open quotation: the next line belongs to it
                pending += "\n"
                continue
            if words:
                yield Command(pending, (words[0].removeprefix(".venv/bin/"), *words[1:]))
            pending = ""
        if pending:
            raise ValueError(f"{self.place}: a quotation is never closed")


def blocks(document: Path) -> list[Block]:
    """Return the fenced blocks of a document, in their order."""
    text = document.read_text(encoding="utf-8")
    return [
        Block(document, text.count("\n", 0, found.start()) + 1, found[1], found[2]) for found in _FENCE.finditer(text)
    ]
