"""A stream entry, before and after it is decoded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from eunoe_schema.entries import EntryOrder


class OfTenant(Protocol):
    """An event or a request: both belong to a tenant."""

    @property
    def tenant_id(self) -> UUID:
        """The tenant."""
        ...


EventT = TypeVar("EventT", bound=OfTenant)
EventT_contra = TypeVar("EventT_contra", bound=OfTenant, contravariant=True)
EventT_co = TypeVar("EventT_co", bound=OfTenant, covariant=True)


@dataclass(frozen=True)
class Entry:
    """An entry as Redis returns it."""

    id: str
    fields: Mapping[bytes, bytes]


@dataclass(frozen=True)
class Delivered(Generic[EventT_co]):
    """A decoded event or request, with its entry."""

    entry: Entry
    event: EventT_co

    @property
    def id(self) -> str:
        """The entry id."""
        return self.entry.id

    @property
    def order(self) -> EntryOrder:
        """The entry id in a form that sorts."""
        return EntryOrder.parse(self.entry.id)
