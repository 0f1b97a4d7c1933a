"""What a gateway gets back for a published event."""

from pydantic import BaseModel, ConfigDict

from eunoe_schema.text import EntryId, Name


class Receipt(BaseModel):
    """Proof that an event is on the stream, and the token to read one's own write with.

    Attributes:
        entry_id: The entry id on the stream; of a duplicate, that of the first publication.
        event_id: The event's own id.
        duplicate: Whether the event had been published before, so that nothing was added now. A publication that is
            repeated because an outage hid its outcome counts as one too.
    """

    model_config = ConfigDict(frozen=True)

    entry_id: EntryId
    event_id: Name
    duplicate: bool
