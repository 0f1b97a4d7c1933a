"""Settings: the process role `window`."""

from pydantic import Field

from eunoe_consumers.delivery.settings import MessageSettings


class WindowSettings(MessageSettings):
    """The size of a window."""

    window_messages: int = Field(default=20, ge=1, le=1_000, description="Messages in a sliding window.")
