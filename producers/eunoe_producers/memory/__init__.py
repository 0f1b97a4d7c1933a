"""The client of curated memory: `Curator` and its parts."""

from eunoe_producers.memory.curator import Curator

__all__ = ["Curator"]
