"""The documents: they name tests and paths that exist, their tables equal the code, and every example is tested."""

import re

from eunoe_schema.memory.status_machine import TRANSITIONS, Action, MemoryState
from eunoe_tests.documents import DOCUMENTS, NOT_CODE, NOT_RUN, ROOT, blocks

_TEST = re.compile(r"`(test_\w+): (\w+)`")
# A file or a folder, in backticks: `delivery/worker.py`, `sql/eunoe_sql/queries`.
_PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*)`")
_BASES = ("", "consumers", "consumers/eunoe_consumers", "producers", "schema", "sql", "sql/eunoe_sql", "tests")
_TEST_FILE = re.compile(r"\b(test_\w+\.py)\b")


def test_the_first_two_documents_stay_short() -> None:
    """A newcomer reads both whole. A new topic belongs into docs/."""
    longest = {"README.md": 170, "ARCHITECTURE.md": 180}
    lines = {name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in longest}
    assert all(lines[name] <= longest[name] for name in longest), lines


def test_each_decision_has_a_number_of_its_own() -> None:
    """Code and documents refer to decisions by number."""
    numbers = re.findall(r"^### (D\d+)\.", (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(numbers) > 40
    assert sorted(numbers) == sorted(set(numbers))


def test_each_row_of_the_parity_table_names_its_tests() -> None:
    """A row without a test would promise what nothing checks."""
    text = (ROOT / "docs" / "parity.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| what | ")]
    assert rows
    assert not [row for row in rows if not _TEST.search(row)]


def test_every_test_that_a_document_names_exists() -> None:
    """The failure lists every reference to a renamed or removed test."""
    missing: list[str] = []
    named = 0
    tests = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        named += len(_TEST.findall(text))
        missing += [f"{document.name}: {file}" for file in _TEST_FILE.findall(text) if file not in tests]
        missing += [
            f"{document.name}: {file}: {name}"
            for file, name in _TEST.findall(text)
            if f"def test_{name}(" not in tests.get(f"{file}.py", "")
        ]
    assert named > 50
    assert not missing


def test_every_block_names_its_language() -> None:
    """A fence without a language would hide an example from the test that runs them."""
    known = {"python", "shell"} | NOT_CODE
    assert not [block.place for document in DOCUMENTS for block in blocks(document) if block.language not in known]


def test_the_table_of_commands_that_are_not_run_is_needed() -> None:
    """An unused entry would exempt a later command from the test. The named benchmarks exist."""
    commands = [
        command
        for document in DOCUMENTS
        for block in blocks(document)
        if block.language == "shell"
        for command in block.commands()
    ]
    assert {command.reason_not_to_run for command in commands} - {None} == set(NOT_RUN)
    scripts = [command.words[1] for command in commands if command.reason_not_to_run == "python benchmarks/"]
    assert not [script for script in scripts if not (ROOT / script).is_file()]


def test_every_path_that_a_document_names_exists() -> None:
    """A renamed room or file would mislead a reader. The change log may name former paths."""
    documents = [document for document in DOCUMENTS if document.name not in {"CHANGELOG.md", "settings.md"}]
    named = [(document.name, path) for document in documents for path in _PATH.findall(document.read_text("utf-8"))]
    assert len(named) > 20
    assert not [place for place in named if not any((ROOT / base / place[1]).exists() for base in _BASES)]


def test_every_log_line_that_the_documents_explain_is_written_somewhere() -> None:
    """An operator searches docs/operating.md for the line that the consumers wrote."""
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    table = page.partition("| event | meaning |")[2].partition("\n\n")[0]
    events = re.findall(r"^\| `([^`]+?)(?:: \.\.\.)?` \|", table, re.MULTILINE)
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "consumers").rglob("*.py"))
    assert events
    assert not [event for event in events if f'"{event}' not in code]


def test_the_table_of_memory_states_is_the_status_machine() -> None:
    """docs/memories.md shows which action leads from which state to which."""
    assert _state_table() in (ROOT / "docs" / "memories.md").read_text(encoding="utf-8")


def _state_table() -> str:
    """Return TRANSITIONS as Markdown: a row per action, a column per state, the next state in the cell."""
    states = [state for state in TRANSITIONS if state is not MemoryState.PURGED]
    lines = [f"| action | {' | '.join(f'`{state}`' for state in states)} |", f"|---|{'---|' * len(states)}"]
    for action in Action:
        cells = [_cell(state, action) for state in states]
        lines.append(f"| {action} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(state: MemoryState, action: Action) -> str:
    if action not in TRANSITIONS[state]:
        return ""
    return str(TRANSITIONS[state][action] or "as before")
