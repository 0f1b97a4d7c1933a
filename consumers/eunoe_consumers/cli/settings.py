"""`eunoe settings`: show the settings in force, and the source of each."""

import sys
from collections.abc import Mapping
from typing import Annotated

import typer
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource, SecretsSettingsSource
from rich.table import Table

from eunoe_consumers.cli.console import line, output, print_json
from eunoe_consumers.cli.env_example import allowed, as_text, env_example, settings_page, variable
from eunoe_consumers.cli.options import JsonOption
from eunoe_consumers.settings import SECRETS_DIR, Settings
from eunoe_schema.redaction import mask_passwords

EXAMPLES = "Examples: eunoe settings; eunoe settings --json; eunoe settings --env-example > .env.example"


def settings(
    *,
    example: Annotated[bool, typer.Option("--env-example", help="Print the text of .env.example instead.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/settings.md instead.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show every setting with its value, source and meaning. Passwords are masked.

    A setting comes from the environment variable EUNOE_..., from a line of the file .env in the current folder, or from
    a file /run/secrets/eunoe_...; the first of these wins.
    """
    if example:
        sys.stdout.write(env_example())
        return
    if markdown:
        sys.stdout.write(settings_page())
        return
    values, sources = Settings(), _sources()
    rows = [
        {
            "name": variable(name),
            "value": mask_passwords(as_text(getattr(values, name))),
            "source": sources.get(name, "default"),
            "description": field.description or "",
            "allowed": allowed(field),
        }
        for name, field in Settings.model_fields.items()
    ]
    if as_json:
        print_json([row | {"value": row["value"] or None} for row in rows])
        return
    table = Table("setting", "value", "from", "meaning")
    for row in rows:
        source = line(row["source"], "dim" if row["source"] == "default" else "green")
        meaning = f"{row['description']} {row['allowed']}".strip()
        table.add_row(row["name"], row["value"], source, meaning)
    output.print(table)


def _sources() -> Mapping[str, str]:
    """Return the source of each setting that does not have its default; the environment wins."""
    secrets = SecretsSettingsSource(Settings, secrets_dir=SECRETS_DIR)() if SECRETS_DIR.is_dir() else {}
    return {
        **dict.fromkeys(secrets, "secret file"),
        **dict.fromkeys(DotEnvSettingsSource(Settings)(), ".env file"),
        **dict.fromkeys(EnvSettingsSource(Settings)(), "environment"),
    }
