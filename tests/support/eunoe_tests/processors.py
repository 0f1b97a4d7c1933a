"""Process entries as a worker does, without a worker."""

from collections.abc import Sequence

from eunoe_consumers.delivery.entry import Entry, EventT
from eunoe_consumers.delivery.processor import Processor


async def process(processor: Processor[EventT], entries: Sequence[Entry]) -> None:
    """Process the entries that are not in hand already, holding them meanwhile."""
    with processor.holding(entries) as held:
        await processor.process_held(held)
