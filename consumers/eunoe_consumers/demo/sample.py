"""Load the demo's conversation and the questions about it."""

import json
from dataclasses import dataclass
from importlib.resources import files
from uuid import UUID

from eunoe_schema.events import MessageEvent

AGENT = UUID("e0000000-0000-4000-8000-0000000000a1")
CHANNEL = "web"


@dataclass(frozen=True)
class SampleQuestion:
    """A question, the ids of the events that answer it, and the answer as a person would give it."""

    question: str
    evidence: tuple[str, ...]
    answer: str


@dataclass(frozen=True)
class Isolation:
    """The question of a second user, and words of the first user that must not be found."""

    user_id: str
    question: str
    forbidden_words: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """The conversation as events, the oldest first, and the questions about it."""

    events: tuple[MessageEvent, ...]
    questions: tuple[SampleQuestion, ...]
    isolation: Isolation


def load_sample(tenant_id: UUID) -> Sample:
    """Return the sample conversation with events of a tenant."""
    folder = files("eunoe_consumers.demo")
    lines = folder.joinpath("conversation.jsonl").read_text(encoding="utf-8").splitlines()
    asked = json.loads(folder.joinpath("questions.json").read_text(encoding="utf-8"))
    return Sample(
        events=tuple(
            MessageEvent.model_validate(
                {**json.loads(line), "tenant_id": tenant_id, "agent_id": AGENT, "channel": CHANNEL}
            )
            for line in lines
        ),
        questions=tuple(
            SampleQuestion(item["question"], tuple(item["evidence"]), item["answer"]) for item in asked["questions"]
        ),
        isolation=Isolation(
            asked["isolation"]["user_id"],
            asked["isolation"]["question"],
            tuple(asked["isolation"]["forbidden_words"]),
        ),
    )
