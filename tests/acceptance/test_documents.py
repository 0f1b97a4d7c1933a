"""Every example of the documents runs as it stands, on real servers."""

import ast
import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from eunoe_producers import Curator, Gateway, Orchestrator
from eunoe_schema.streams import DATA_FIELD, Group, Subject, dead_letters, stream
from eunoe_tests.commands import run
from eunoe_tests.documents import DOCUMENTS, ROOT, Block, Command, blocks
from eunoe_tests.processes import Clis
from eunoe_tests.stores import consumed
from eunoe_tests.waiting import wait_until

_README = ROOT / "README.md"
_TENANT = "11111111-1111-4111-8111-111111111111"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The documents with examples, besides README. For the others no consumers need to be started.
_EXAMPLES = [doc for doc in DOCUMENTS if doc != _README and any(block.is_example for block in blocks(doc))]
# A consumer that is alive must count as alive on a busy machine, too.
_CLAIM_AFTER_SECONDS = 15.0


class Reader:
    """Runs the blocks of a document, one after another.

    Attributes:
        outputs: The output of each run of each program.
    """

    def __init__(self, clis: Clis, redis: Redis, redis_url: str, folder: Path) -> None:
        self.outputs: dict[str, list[str]] = {}
        self._clis = clis
        self._redis = redis
        self._url = redis_url
        self._folder = folder
        self._names: dict[str, Any] = {"url": redis_url}
        self._memory_id = ""

    async def begin(self, stack: AsyncExitStack) -> None:
        """Give the examples the results of the first programs of README: constants, messages and connected clients."""
        programs = {block.program: block.text for block in blocks(_README) if block.program}
        exec(compile(programs["gateway.py"], "gateway.py", "exec"), self._names)  # noqa: S102 - our own document
        for name, client in (("gateway", Gateway), ("orchestrator", Orchestrator), ("curator", Curator)):
            self._names[name] = await stack.enter_async_context(await client.connect(self._url))
        pubsub = await stack.enter_async_context(self._redis.pubsub(ignore_subscribe_messages=True))
        self._pubsub = pubsub

    async def read(self, block: Block) -> None:
        """Run a block; entries of the blocks before it are consumed by then."""
        await wait_until(self._is_idle, what="consumers that have caught up")
        if block.program is not None:
            await self._run_program(block.program, block.text)
        elif block.language == "python":
            await self._run_fragment(block)
        elif block.language == "shell":
            for command in block.commands():
                await self._run_command(command, block.place)

    async def run_program(self, name: str) -> None:
        """Run a saved program again."""
        finished = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, name],
            cwd=self._folder,
            env={**os.environ, "EUNOE_REDIS_URL": self._url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        self.outputs.setdefault(name, []).append(finished.stdout)

    async def _run_program(self, name: str, text: str) -> None:
        await asyncio.to_thread((self._folder / name).write_text, text, encoding="utf-8")
        await self.run_program(name)

    async def _run_fragment(self, block: Block) -> None:
        lines = "\n" * block.line + block.text  # so that a traceback names the line of the document
        code = compile(lines, str(block.document), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        running = cast("Awaitable[None] | None", eval(code, self._names))  # noqa: S307 - our own document
        if running is not None:
            await running

    async def _run_command(self, command: Command, place: str) -> None:
        if command.reason_not_to_run:
            return
        match command.words:
            case ["eunoe", *arguments]:
                words = [await self._value(word, arguments) for word in arguments]
                output = await run(self._clis, *words, claim_after_seconds=_CLAIM_AFTER_SECONDS)
                if words[:2] == ["memory", "remember"]:
                    self._memory_id = _UUID.findall(output)[-1]
            case ["redis-cli", "-u", "$EUNOE_REDIS_URL", "SUBSCRIBE", channel]:
                await self._pubsub.subscribe(channel)
            case ["redis-cli", "-u", "$EUNOE_REDIS_URL", *words]:
                await cast("Any", self._redis).execute_command(*words)
                body = json.loads(words[-1])
                if "reply_to" in body:
                    await self._await_reply(body["request_id"])
            case ["echo", *_]:
                await asyncio.to_thread(subprocess.run, ["bash", "-c", command.text], cwd=self._folder, check=True)
            case _:
                pytest.fail(f"{place}: nothing runs {command.words[0]}: see eunoe_tests.documents.NOT_RUN")

    async def _value(self, word: str, arguments: list[str]) -> str:
        """Return the value that a reader would write for a placeholder or a file name."""
        if word == "ID":
            return self._memory_id
        if word == "LETTER_ID":
            letters = cast("list[tuple[bytes, Any]]", await self._redis.xrange(dead_letters(Group(arguments[2]))))
            return letters[0][0].decode()
        if (self._folder / word).is_file():
            return str(self._folder / word)
        return word.replace('"ID"', f'"{self._memory_id}"')

    async def _await_reply(self, request_id: str) -> None:
        async def answered() -> bool:
            message = cast("dict[str, Any] | None", await self._pubsub.get_message(timeout=0.1))
            if message is None:
                return False
            reply = cast("dict[str, Any]", json.loads(message["data"]))
            return reply["request_id"] == request_id and not reply.get("error") and not reply.get("problem")

        await wait_until(answered, what=f"a good reply to {request_id}")

    async def _is_idle(self) -> bool:
        if not await self._redis.exists(stream(Subject.MESSAGES)):
            return True
        return await consumed(self._redis, Group.WINDOW, Group.EMBED)


@pytest.fixture
async def reader(
    clis: Clis, redis: Redis, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Reader]:
    """A reader with two terminals: the first runs every role, and the second has the tenant of README."""
    monkeypatch.setenv("EUNOE_REDIS_URL", redis_url)
    monkeypatch.chdir(tmp_path)
    await run(clis, "tenant", "add", "acme", "--id", _TENANT)
    roles = ("window", "embed", "recall", "curate", "janitor")
    await clis.consume(*roles, claim_after_seconds=_CLAIM_AFTER_SECONDS)
    reader = Reader(clis, redis, redis_url, tmp_path)
    async with AsyncExitStack() as stack:
        await reader.begin(stack)
        yield reader


async def test_the_readme_does_what_it_says(reader: Reader) -> None:
    """A newcomer copies its programs and finds what they promise."""
    for block in blocks(_README):
        if "tenant add" not in block.text:  # the fixture ran that command: a tenant is added once
            await reader.read(block)
    await reader.run_program("gateway.py")
    first, second = reader.outputs["gateway.py"]
    assert (first.count("duplicate=False"), second.count("duplicate=True")) == (3, 3)
    assert reader.outputs["orchestrator.py"][0].rstrip().endswith("user: I moved to Graz in May.")
    assert reader.outputs["curator.py"][0].rstrip().endswith(": Ada's cat is called Minka.")


@pytest.mark.parametrize("document", _EXAMPLES, ids=lambda doc: doc.name)
async def test_the_examples_of_a_document_run(document: Path, reader: Reader, redis: Redis) -> None:
    """Each of them, in their order, after the first message of README."""
    await reader.read(next(block for block in blocks(_README) if block.program == "gateway.py"))
    if any("LETTER_ID" in block.text for block in blocks(document)):
        await redis.xadd(stream(Subject.MESSAGES), {DATA_FIELD: "not JSON"})
    for block in blocks(document):
        await reader.read(block)
