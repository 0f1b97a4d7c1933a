"""The base classes of the contract's models, and the limits that several requests share."""

from pydantic import BaseModel, ConfigDict

# The largest value of EUNOE_MAX_CONTENT_CHARS: every message that can be published can also be a query.
MAX_QUERY_CHARS = 1_000_000
MAX_DEADLINE_SECONDS = 60.0


class ContractModel(BaseModel):
    """A model that Eunoe receives. It is immutable, and it refuses members that it does not define.

    The docstring below a field describes it here, in the JSON schema and in the AsyncAPI document.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ReplyModel(ContractModel):
    """A model that Eunoe sends. Unknown members are ignored: an older client can read a newer Eunoe's replies."""

    model_config = ConfigDict(extra="ignore")
