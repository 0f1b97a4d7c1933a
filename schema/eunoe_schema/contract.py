"""The base classes of the contract's models."""

from pydantic import BaseModel, ConfigDict


class ContractModel(BaseModel):
    """A model that Eunoe receives. It is immutable, and it refuses members that it does not define.

    The docstring below a field describes it here, in the JSON schema and in the AsyncAPI document.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ReplyModel(ContractModel):
    """A model that Eunoe sends. Unknown members are ignored: an older client can read a newer Eunoe's replies."""

    model_config = ConfigDict(extra="ignore")
