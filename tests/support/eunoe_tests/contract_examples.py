"""An example of each request on curated memory, from the AsyncAPI document."""

from collections.abc import Iterator

from eunoe_consumers.contract_document.examples import example
from eunoe_consumers.contract_document.schemas import schemas
from eunoe_schema.memory.base import AnyRequest, request_models


def example_requests() -> Iterator[AnyRequest]:
    """Yield one request for each model."""
    found = schemas()
    for model in request_models():
        yield model.model_validate(example(model.__name__, found))
