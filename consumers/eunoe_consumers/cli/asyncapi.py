"""`eunoe asyncapi`: print the contract for clients in any language."""

import sys
from typing import Annotated

import typer

from eunoe_consumers.cli.console import print_json

EXAMPLES = "Example: eunoe asyncapi > asyncapi.yaml"


def asyncapi(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of YAML.")] = False) -> None:
    """Print the contract as an AsyncAPI 3.0 document: streams, requests, replies and examples.

    With this document, any Redis client can publish and recall. The command needs no server.
    """
    from eunoe_consumers.contract_document.document import document, render  # noqa: PLC0415 - builds the schemas of all models

    if as_json:
        print_json(document())
    else:
        sys.stdout.write(render())
