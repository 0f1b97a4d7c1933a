"""Models of the contract, made of what was typed."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from eunoe_schema.codec import describe
from eunoe_schema.errors import InvalidEvent

ModelT = TypeVar("ModelT", bound=BaseModel)


def checked(model: type[ModelT], **fields: object) -> ModelT:
    """Return a model of these fields.

    Raises:
        InvalidEvent: If one breaks the contract; it names the field, what is wrong, and the value.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise InvalidEvent(describe(error)) from error
