"""Validation of arguments against the contract, with errors that people can read."""

import reprlib
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from eunoe_schema.errors import InvalidEvent

ModelT = TypeVar("ModelT", bound=BaseModel)

# pydantic names Python's types. Most people who read these errors wrote JSON.
_PLAIN = {
    "tuple_type": "Input should be a valid list",
    "dict_type": "Input should be a valid object",
    "model_type": "Input should be a valid object",
}
_SHOWN_CHARS = 80
_SHOWN_ERRORS = 3


def checked(model: type[ModelT], /, **fields: object) -> ModelT:
    """Return the model made of `fields`.

    Raises:
        InvalidEvent: If a field breaks the contract. The message names the field, the problem and the value.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise InvalidEvent(describe(error)) from error


def describe(error: ValidationError) -> str:
    """Return a validation error as one line: each field, the problem with it, and its value.

    The line quotes values, which may be a user's words: put it into replies and dead letters, never into a log.
    """
    items = error.errors(include_url=False)[:_SHOWN_ERRORS]
    more = error.error_count() - len(items)
    return "; ".join(map(_describe, items)) + (f"; and {more} more" if more > 0 else "")


def _describe(item: ErrorDetails) -> str:
    """Return one problem: the path to the field, what is wrong, and the value."""
    problem = _PLAIN.get(item["type"], item["msg"]).removeprefix("Value error, ")
    if not item["loc"] and item["type"] == "value_error":  # a check of the whole model, whose message names the fields
        return problem
    path = ".".join(map(str, item["loc"]))[:_SHOWN_CHARS] or "event"  # the sender chooses an unknown field's name
    # For a missing field, pydantic's input is the whole model, which says nothing about the field.
    value = "" if item["type"] in {"missing", "json_invalid"} else f" (got {_shorten(item['input'])})"
    return f"{path}: {problem}{value}"


def _shorten(value: object) -> str:
    """Return a value's repr, cut to a length that fits into a line."""
    try:
        # reprlib does not descend without end into a deeply nested value; it cuts a string too early.
        text = repr(value) if isinstance(value, str) else reprlib.repr(value)
    except ValueError:  # Python refuses to write out an int of more than 4,300 digits
        text = f"{type(value).__name__} that is too long to show"
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
