"""The root of Eunoe's errors, and the one that both sides of the stream raise."""


class EunoeError(Exception):
    """Something went wrong in Eunoe."""


class InvalidEvent(EunoeError):
    """An event or a request breaks the contract and was refused at the edge."""
