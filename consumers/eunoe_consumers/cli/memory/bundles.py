"""Options that several commands share: a parameter that is a bundle of them becomes its fields on the command line."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from inspect import Parameter
from typing import TypeVar

import typer

FunctionT = TypeVar("FunctionT", bound=Callable[..., None])


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Options that belong together: a frozen dataclass, each annotated as a parameter of a command would be."""


def command(
    app: typer.Typer, example: str, *, panel: str | None = None, name: str | None = None
) -> Callable[[FunctionT], FunctionT]:
    """Register a command that may take bundles.

    Args:
        app: Where.
        example: How it is typed, for its help.
        panel: Under which heading the help of `app` lists it.
        name: Its name, where the function's cannot be.
    """

    def register(function: FunctionT) -> FunctionT:
        app.command(name, epilog=f"Example: {example}", rich_help_panel=panel)(unbundled(function))
        return function

    return register


def unbundled(function: Callable[..., None]) -> Callable[..., None]:
    """Return a function whose parameters are those of `function`, with the fields of bundles in their places."""
    bundles: dict[str, type[Bundle]] = {}
    parameters: list[Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        if isinstance(parameter.annotation, type) and issubclass(parameter.annotation, Bundle):
            bundles[parameter.name] = parameter.annotation
            parameters += _parameters(parameter.annotation)
        else:
            parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))

    def run(**given: object) -> None:
        for name, bundle in bundles.items():
            given[name] = bundle(**{parameter.name: given.pop(parameter.name) for parameter in _parameters(bundle)})
        function(**given)

    run.__name__, run.__doc__, run.__module__ = function.__name__, function.__doc__, function.__module__
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess] - what typer reads
    return run


def _parameters(bundle: type[Bundle]) -> list[Parameter]:
    return [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if field.default is MISSING else field.default,
            annotation=field.type,
        )
        for field in fields(bundle)
    ]
