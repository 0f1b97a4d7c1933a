"""What the AsyncAPI document says in words, and its examples: models of the contract, so that they are valid."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from pydantic import BaseModel

from eunoe_schema.events import METADATA_BYTES, MessageEvent
from eunoe_schema.recall import Context, Freshness, RecallReply, RecallRequest, Timings, Turn, WindowMessage
from eunoe_schema.streams import DATA_FIELD, Group, Subject, dead_letters, reply_channel, stream

_MESSAGES, _RECALL = stream(Subject.MESSAGES), stream(Subject.RECALL)
_DEAD = " and ".join(f"`{dead_letters(group)}`" for group in (Group.WINDOW, Group.EMBED))
_CLIENT = "gateway-7"
_TENANT = UUID("11111111-1111-4111-8111-111111111111")
_AGENT = UUID("22222222-2222-4222-8222-222222222222")

TEXTS: Mapping[str, str] = {
    "info": f"""\
Conversational memory for agents. A gateway appends each message of a conversation to one Redis Stream; an
orchestrator appends a request to another, before a model call, and receives the reply on a pub/sub channel. Any
Redis client of any language can do both.

The operations are Eunoe's: what Eunoe receives, you send, and what it replies, you receive.

**The entry.** An entry has one field, `{DATA_FIELD}`; its value is the payload as JSON in UTF-8: `XADD {_MESSAGES}
* {DATA_FIELD} '{{"event_id": ...}}'`. Let Redis make the entry id (`*`): it is the message's place in time, and
deadlines are counted from it. Leave out what you do not have; members that the schema does not name are refused,
and so is the NUL character in any text.

**Tenants.** A tenant is registered once with `eunoe tenant add`. What names another tenant is refused.

**Refused messages.** XADD itself is never refused, and nobody answers it. A message that breaks the contract or
names an unknown tenant is moved to {_DEAD}, streams whose entries say why (`reason`), which entry (`stream`,
`entry_id`, `group`) and what it held (`entry:<field>`). It harms no other message.

**What the Python gateway adds.** `eunoe_producers.Gateway` appends by a script that refuses unknown tenants at
once, adds nothing for an event that was published before, derives a session where none is named, and holds back
when the consumers are too far behind. XADD alone does none of it; even so, an event that is appended twice is
stored once.
""",
    "server": "The Redis or Valkey that the consumers read (their EUNOE_REDIS_URL); 7.0 or later.",
    Subject.MESSAGES: "The stream of messages. XADD returns the entry id: a request can wait for it (`after`).",
    Subject.RECALL: "The stream of requests. An entry is removed when it has been answered.",
    "replies": """\
Where a client receives its replies. Choose a name of your own in place of `{client}`, SUBSCRIBE before the first
request, stay subscribed, and put the whole name into `reply_to` of each request: a reply that nobody listens for is
lost. Any number of requests may share a channel; `request_id` tells the replies apart. The value published is the
payload itself, not an entry.
""",
    "client": "Unique among the clients, such as a random UUID; not the id of a user or a tenant.",
    "takeMessage": f"""\
Published once for each message that a user or the assistant wrote. It appears in the sliding window of its scope
(tenant, agent, user) and, embedded, among the turns that a request can find. `event_id` makes it idempotent within
the scope. Limits that the schema cannot express: `metadata` has at most {METADATA_BYTES:,} bytes of JSON, and the
length of `content` is a setting.
""",
    "answerRecall": f"""\
Append the request to `{_RECALL}`, then wait on your channel for the reply with your `request_id`, at most
`deadline_seconds`.

The reply holds either `context` or `error`:

- `context` may be partial: `missing` names each part (`window`, `turns`) that could not be had, and why.
- `error` says in a sentence why the request was refused: which member was wrong, or that the tenant is not
  registered. It comes only where `request_id` and `reply_to` could be read. The same request would be refused
  again.
- No reply within the deadline: no recall consumer runs, it serves another Redis, or it is overloaded. Ask again or
  go on without memory; asking twice is harmless.

To read your own write, put the entry id of the user's message into `after` and its event id into `exclude`: the
reply waits until the message is in the window (`freshness.applied` says whether it got there) and leaves it out.
""",
}

EXAMPLES: Mapping[str, Mapping[str, BaseModel]] = {
    "messageEvent": {
        "smallest": MessageEvent(
            event_id="message-1",
            tenant_id=_TENANT,
            agent_id=_AGENT,
            user_id="ada",
            role="user",
            content="My cat is called Minka.",
        ),
        "everything": MessageEvent(
            event_id="1718000000.000200",
            tenant_id=_TENANT,
            agent_id=_AGENT,
            user_id="U024BE7LH",
            role="assistant",
            content="What a lovely name!",
            session_id="support-4711",
            thread_id="C061EG9SL:1718000000.000100",
            channel="slack",
            speaker="Support",
            occurred_at=datetime(2026, 5, 4, 9, 30, tzinfo=UTC),
            metadata={"locale": "en", "attachments": []},
        ),
    },
    "recallRequest": {
        "smallest": RecallRequest(
            request_id="request-1",
            reply_to=reply_channel(_CLIENT),
            tenant_id=_TENANT,
            agent_id=_AGENT,
            user_id="ada",
            query="What is the name of my pet?",
        ),
        "before answering a message": RecallRequest(
            request_id="request-2",
            reply_to=reply_channel(_CLIENT),
            tenant_id=_TENANT,
            agent_id=_AGENT,
            user_id="ada",
            query="What is the name of my pet?",
            top_k=5,
            window=10,
            min_cosine=0.2,
            after="1777887000000-0",
            exclude=("message-9",),
            deadline_seconds=2,
        ),
    },
    "recallReply": {
        "a context": RecallReply(
            request_id="request-2",
            context=Context(
                window=(
                    WindowMessage(role="assistant", content="Hello Ada!", id="1777886000000-0", event_id="message-8"),
                ),
                turns=(
                    Turn(
                        event_id="message-1",
                        entry_id="1777800000000-0",
                        role="user",
                        content="My cat is called Minka.",
                        created_at=datetime(2026, 5, 3, 9, 20, tzinfo=UTC),
                        cosine=0.43,
                        score=0.43,
                    ),
                ),
                freshness=Freshness(
                    latest_entry_id="1777887000000-0", after="1777887000000-0", applied=True, waited_ms=3.1
                ),
                timings=Timings(queued_ms=0.6, embed_ms=5.2, window_ms=3.4, turns_ms=0.9, total_ms=6.5),
            ),
        ),
        "a refusal": RecallReply(
            request_id="request-3", error="top_k: Input should be less than or equal to 100 (got 1000)"
        ),
    },
}
