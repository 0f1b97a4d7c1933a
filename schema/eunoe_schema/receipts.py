"""The receipt of a published event."""

from eunoe_schema.contract import ReplyModel
from eunoe_schema.text import EntryId, Name


class Receipt(ReplyModel):
    """Proof that an event is on the stream. Pass it to a recall as `after` to read your own write."""

    entry_id: EntryId
    """The entry id of the event. For a duplicate, the entry id of the first publication."""
    event_id: Name
    """The id of the event."""
    duplicate: bool
    """Whether the event was published before, so that nothing was added. Also true when the gateway repeated a
    publication because an outage hid its outcome."""
