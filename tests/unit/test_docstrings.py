"""Every public name of the distribution says what it is for."""

import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

_ROOMS = ("eunoe_schema", "eunoe_producers", "eunoe_consumers", "eunoe_sql")


def _modules() -> list[str]:
    names: list[str] = []
    for room in _ROOMS:
        package = importlib.import_module(room)
        names.append(room)
        names += [found.name for found in pkgutil.walk_packages(package.__path__, f"{room}.")]
    return [name for name in names if not name.endswith("__main__")]


def _undocumented(module: ModuleType) -> list[str]:
    """Return the public classes, functions and methods that a module defines without a docstring of their own."""
    missing = [] if inspect.getdoc(module) else [module.__name__]
    for name, value in vars(module).items():
        if not name.isidentifier():  # pydantic leaves the models that it makes of generic ones beside ours
            continue
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(value) and not value.__doc__:
            missing.append(f"{module.__name__}.{name}")
        if inspect.isclass(value):
            # A dataclass without one is given its signature for a docstring.
            if not value.__doc__ or value.__doc__.startswith(f"{name}("):
                missing.append(f"{module.__name__}.{name}")
            missing += [
                f"{module.__name__}.{name}.{member}"
                for member, defined in vars(value).items()
                if not member.startswith("_") and _is_method(value, defined) and not inspect.getdoc(defined)
            ]
    return missing


def _is_method(owner: type, defined: object) -> bool:
    """Tell whether a class defines this itself; a function that is a field's default belongs elsewhere."""
    if isinstance(defined, property | classmethod | staticmethod):
        return True
    return inspect.isfunction(defined) and defined.__qualname__.startswith(f"{owner.__qualname__}.")


@pytest.mark.parametrize("name", _modules())
def test_every_public_name_has_a_docstring(name: str) -> None:
    """Modules, classes, functions, methods and properties: whoever reads one learns what it is for."""
    assert _undocumented(importlib.import_module(name)) == []
