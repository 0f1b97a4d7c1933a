"""`eunoe asyncapi`: the contract for publishers in any language."""

import sys
from typing import Annotated

import typer

from eunoe_consumers.cli.console import print_json


def asyncapi(*, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """Print the contract as an AsyncAPI 3.0 document, in YAML: streams, requests, replies, examples.

    With it any Redis client publishes and recalls. It needs no server.
    """
    from eunoe_consumers.asyncapi import document, render  # noqa: PLC0415 - makes the schemas of all models

    if as_json:
        print_json(document())
    else:
        sys.stdout.write(render())
