"""The settings as people read them: bounds, defaults, the text of `.env.example`, and docs/settings.md."""

import textwrap
from typing import Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from eunoe_consumers.settings import Settings

_PREFIX = "EUNOE_"
_WIDTH = 110
_HEAD = """\
Settings of Eunoe's consumers and of its command line. Copy this to .env in the folder that commands run in, and take
the # off what you change; the environment comes first. `eunoe settings` shows what is in force, and from where.
Written by `eunoe settings --env-example > .env.example`."""
_PAGE_HEAD = """\
# Settings

A setting is an environment variable, or a line of the file `.env` in the folder that the command runs in, or a file in
`/run/secrets` with the setting's name in lower case. The first of the three that names it wins.
`eunoe settings` shows each value in force and where it comes from. `.env.example` lists all settings, commented out.

The class `Settings` generates this page: change a description there, and run `make docs`."""
_SIGNS = ((Ge, "ge", "at least"), (Gt, "gt", "more than"), (Le, "le", "at most"), (Lt, "lt", "less than"))


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"{_PREFIX}{name.upper()}"


def allowed(field: FieldInfo) -> str:
    """Return which values a setting takes, where not every one of its type; else ''."""
    if get_origin(field.annotation) is Literal:
        return f"one of {', '.join(map(str, get_args(field.annotation)))}"
    bounds = [
        f"{words} {getattr(mark, attribute):,}"
        for kind, attribute, words in _SIGNS
        for mark in field.metadata
        if isinstance(mark, kind)
    ]
    return ", ".join(bounds)


def as_text(value: object) -> str:
    """Return a value as it stands in the environment; '' for what is absent."""
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return "" if value is None else str(value)


def env_example() -> str:
    """Return the text of `.env.example`: every setting commented out, with what it means and its default."""
    lines = [f"# {line}" for line in _HEAD.splitlines()]
    for name, field in Settings.model_fields.items():
        about = field.description or ""
        if bounds := allowed(field):
            about = f"{about} {bounds[0].upper()}{bounds[1:]}."
        lines += ["", *(f"# {line}" for line in textwrap.wrap(about, _WIDTH))]
        lines.append(f"# {variable(name)}={as_text(field.default)}")
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """Return the text of docs/settings.md: every setting with its default and its meaning."""
    lines = [*_PAGE_HEAD.splitlines(), "", "| setting | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = f"`{as_text(field.default)}`" if field.default is not None else ""
        bounds = f" ({limits})" if (limits := allowed(field)) else ""
        lines.append(f"| `{variable(name)}` | {default} | {(field.description or '').rstrip('.')}{bounds} |")
    return "\n".join(lines) + "\n"
