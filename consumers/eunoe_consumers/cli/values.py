"""Values of options that are more than text: times, JSON objects, texts that may come from standard input."""

import json
import sys
from datetime import datetime
from typing import cast

import typer
from pydantic import JsonValue


def moment(text: str) -> datetime:
    """Return the time that `text` spells; without a zone it is taken for UTC later on.

    Raises:
        BadParameter: If it spells none.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r} is not a time such as 2026-05-01T12:00:00+02:00"
        raise typer.BadParameter(msg) from error


def json_object(text: str | bytes) -> dict[str, JsonValue]:
    """Return the JSON object that `text` spells.

    Raises:
        BadParameter: If it spells none.
    """
    try:
        found = cast("object", json.loads(text))
    except (ValueError, RecursionError) as error:
        msg = f"it is not JSON: {error}"
        raise typer.BadParameter(msg) from error
    if not isinstance(found, dict):
        msg = "a JSON object is needed"
        raise typer.BadParameter(msg)
    return cast("dict[str, JsonValue]", found)


def text_or_input(text: str) -> str:
    """Return `text`; for - what standard input holds, without its last line break.

    Raises:
        BadParameter: If that is not UTF-8.
    """
    if text != "-":
        return text
    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n")
    except UnicodeDecodeError as error:
        msg = f"standard input is not UTF-8: {error}"
        raise typer.BadParameter(msg) from error
