"""The number of examples of a property that needs more, or fewer, than the others."""

from typing import Any

from hypothesis import settings

_DEFAULT_EXAMPLES = 100  # those of `make test`: tests/conftest.py


def examples(number: int, **options: Any) -> settings:
    """Draw `number` examples in `make test`, and in proportion under another profile of tests/conftest.py."""
    return settings(max_examples=max(1, number * settings().max_examples // _DEFAULT_EXAMPLES), **options)
