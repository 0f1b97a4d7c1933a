"""Check arguments against a model of the contract, before any of them becomes a part of a key."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, ValidationError

from eunoe_schema.codec import describe
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.threads import Thread

ModelT = TypeVar("ModelT", bound=BaseModel)

# A longer expiry is a mistake in the unit, such as milliseconds; without any, a record stays.
MAX_EXPIRY_SECONDS = 10 * 366 * 24 * 3600
Seconds = Annotated[float, Field(gt=0, le=MAX_EXPIRY_SECONDS)]


class ExpiringThread(Thread):
    """A thread, and after how many seconds what is kept for it expires; None for never."""

    seconds: Seconds | None


def checked(model: type[ModelT], /, **arguments: object) -> ModelT:
    """Return `arguments` as a model.

    Raises:
        InvalidEvent: If they break the contract; names each, what was wrong with it, and the value found.
    """
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        raise InvalidEvent(describe(error)) from error


def milliseconds(seconds: float | None) -> int:
    """Return an expiry in milliseconds, at least 1; 0 for none."""
    return 0 if seconds is None else max(1, round(seconds * 1000))
