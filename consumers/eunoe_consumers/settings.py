"""Settings of the consumers and the command line: an environment variable, a line in `.env`, or a file of secrets.

Each room declares its settings in its own class, and takes only that class. This module combines them; the command
line builds `Settings` once and passes it down. `eunoe settings` and `.env.example` list the rooms in reverse order.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from eunoe_consumers.delivery.settings import DeliverySettings
from eunoe_consumers.devservers.settings import ServerSettings
from eunoe_consumers.embed.settings import EmbedSettings
from eunoe_consumers.janitor.settings import JanitorSettings
from eunoe_consumers.memories.settings import CurateSettings
from eunoe_consumers.postgres.settings import DatabaseSettings, SchemaSettings
from eunoe_consumers.recall.settings import RecallSettings
from eunoe_consumers.window.settings import WindowSettings

# Compose and Kubernetes mount files of secrets here.
SECRETS_DIR = Path("/run/secrets")


# pydantic merges the `model_config` of all bases; pyright compares their declared types, which differ.
class Settings(  # pyright: ignore[reportIncompatibleVariableOverride]
    BaseSettings,
    SchemaSettings,
    CurateSettings,
    JanitorSettings,
    RecallSettings,
    DeliverySettings,
    WindowSettings,
    EmbedSettings,
    DatabaseSettings,
    ServerSettings,
):
    """All settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix="EUNOE_",
        env_file=".env",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
        frozen=True,
        extra="ignore",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Minimum level of logged events."
    )
    log_format: Literal["console", "json"] = Field(default="console", description="Format of log lines.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read files /run/secrets/eunoe_<setting> last, where a container has that folder."""
        del file_secret_settings  # It warns where the folder is absent.
        sources = (init_settings, env_settings, dotenv_settings)
        if not SECRETS_DIR.is_dir():
            return sources
        return (*sources, SecretsSettingsSource(settings_cls, secrets_dir=SECRETS_DIR))
