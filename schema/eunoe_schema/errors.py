"""The root of all errors, and the error that both sides of the stream raise."""


class EunoeError(Exception):
    """The root of all errors of Eunoe."""


class InvalidEvent(EunoeError):
    """An event, a request or an argument breaks the contract. It was refused before anything was sent."""
