"""The commands of `eunoe memory`, in the order in which its help lists them."""

import typer

from eunoe_consumers.cli.memory import (
    administration,
    changing,
    checkpoints,
    collections,
    consolidation,
    directives,
    living,
    reading,
    relations,
    remember,
    sessions,
    usage,
)
from eunoe_consumers.cli.memory.panels import AROUND

app = typer.Typer(rich_markup_mode="markdown")
for part in (remember, reading, changing, living, relations, usage, administration):
    app.add_typer(part.app)
app.add_typer(collections.app, name="collection", rich_help_panel=AROUND)
app.add_typer(sessions.app, name="session", rich_help_panel=AROUND)
app.add_typer(checkpoints.app, name="checkpoint", rich_help_panel=AROUND)
app.add_typer(directives.app, name="directive", rich_help_panel=AROUND)
app.add_typer(consolidation.app, name="consolidation", rich_help_panel=AROUND)
