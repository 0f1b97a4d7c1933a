"""compose.yaml: valid by the schema of Compose, with commands and settings that exist."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from jsonschema.validators import validator_for
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.exceptions import TyperException

from eunoe_consumers.cli.main import app
from eunoe_consumers.processes.role import ProcessRole
from eunoe_consumers.settings import Settings

_ROOT = Path(__file__).parents[2]
_COMPOSE: dict[str, Any] = yaml.safe_load((_ROOT / "compose.yaml").read_text(encoding="utf-8"))
_SERVICES: dict[str, dict[str, Any]] = _COMPOSE["services"]
_DOCKERFILE = (_ROOT / "Dockerfile").read_text(encoding="utf-8")
_ROLES = [str(role) for role in ProcessRole]
_OURS = ["migrate", *_ROLES]
_SERVERS = ["redis", "postgres"]
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def _seconds(duration: str) -> int:
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([smh])", duration))


def _command(words: list[str]) -> None:
    """Parse a command as `eunoe` does, without running it. Raise if `eunoe` would refuse it."""
    command: Any = typer.main.get_command(app)
    context = None
    while True:
        context = command.make_context("eunoe", words, parent=context)
        words = [*context._protected_args, *context.args] if hasattr(command, "commands") else []  # noqa: SLF001 - click's
        if not words:
            return
        _, command, words = command.resolve_command(context, words)


def test_compose_accepts_the_file() -> None:
    """It follows the schema of the Compose specification."""
    path = files("check_jsonschema").joinpath("builtin_schemas", "vendor", "compose-spec.json")
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    found = [error.message for error in validator_for(schema)(schema).iter_errors(_COMPOSE)]
    assert found == []
    broken = {**_COMPOSE, "services": {**_SERVICES, "redis": {**_SERVICES["redis"], "restrat": "always"}}}
    assert not validator_for(schema)(schema).is_valid(
        broken
    )  # without this, a schema that accepts everything would pass


def test_there_is_a_service_for_each_role() -> None:
    """There are also services for the servers and the migration, and no others."""
    assert set(_SERVICES) == {*_SERVERS, *_OURS}
    for role in _ROLES:
        assert _SERVICES[role]["command"] == ["consume", role]


@pytest.mark.parametrize("name", _ROLES)
def test_each_role_can_be_scaled(name: str) -> None:
    """A service has nothing that only one container can have: no name, host name, port or volume."""
    assert not _SERVICES[name].keys() & {"container_name", "hostname", "ports", "volumes", "mac_address"}


@pytest.mark.parametrize("name", _OURS)
def test_commands_are_commands_of_eunoe(name: str) -> None:
    """Each is parsed as `eunoe` parses it."""
    _command(_SERVICES[name]["command"])


def test_commands_in_the_comments_are_commands_of_eunoe() -> None:
    """A reader can run each of them."""
    text = (_ROOT / "compose.yaml").read_text(encoding="utf-8")
    found = re.findall(r"docker compose run --rm migrate (.*?)(?: {2}#.*)?\n", text)
    assert len(found) >= 2
    for words in found:
        _command(words.split())


@pytest.mark.parametrize("words", ["consume windows", "consume", "consume embed --nope", "migrate sideways", "migrate"])
def test_an_unknown_command_is_noticed(words: str) -> None:
    """The check above can fail."""
    with pytest.raises(TyperException):
        _command(words.split())


@pytest.mark.parametrize("name", _ROLES)
def test_consumers_start_after_the_migration(name: str) -> None:
    """They never migrate: they wait for the end of the migration, and for servers that answer."""
    conditions = {other: needed["condition"] for other, needed in _SERVICES[name]["depends_on"].items()}
    assert conditions == {
        "migrate": "service_completed_successfully",
        "redis": "service_healthy",
        "postgres": "service_healthy",
    }


def test_the_migration_waits_for_healthy_servers_and_runs_once() -> None:
    """The servers have health checks, and the migration is not restarted."""
    for other, needed in _SERVICES["migrate"]["depends_on"].items():
        assert needed == {"condition": "service_healthy"}
        assert _SERVICES[other]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert _SERVICES["migrate"]["depends_on"].keys() == set(_SERVERS)
    assert _SERVICES["migrate"]["restart"] == "no"


@pytest.mark.parametrize("name", _ROLES)
def test_a_consumer_that_died_is_restarted(name: str) -> None:
    """A consumer ends with exit code 1 if one of its parts has died."""
    assert _SERVICES[name]["restart"] in {"always", "unless-stopped"}


@pytest.mark.parametrize("name", _ROLES)
def test_a_stop_has_enough_time(name: str) -> None:
    """Docker kills a process later than the process itself gives up."""
    shutdown_seconds = float(_SERVICES[name]["environment"]["EUNOE_SHUTDOWN_SECONDS"])
    assert _seconds(_SERVICES[name]["stop_grace_period"]) > shutdown_seconds + 5


@pytest.mark.parametrize("name", _OURS)
def test_variables_and_secrets_are_settings(name: str) -> None:
    """Each EUNOE_ variable and each of our secret files names a setting, with a valid value."""
    variables: dict[str, str] = _SERVICES[name].get("environment", {})
    values = {variable.removeprefix("EUNOE_").lower(): value for variable, value in variables.items()}
    assert values.keys() <= Settings.model_fields.keys()
    Settings.model_validate(values)
    secrets = {secret.removeprefix("eunoe_") for secret in _SERVICES[name]["secrets"]}
    assert secrets == {"redis_url", "database_url"}
    assert secrets <= Settings.model_fields.keys()


def test_the_file_contains_no_password() -> None:
    """Passwords are files in one folder that neither git nor the image contains. All of them are used."""
    secrets: dict[str, dict[str, str]] = _COMPOSE["secrets"]
    assert all(secret.keys() == {"file"} for secret in secrets.values())
    assert {Path(secret["file"]).parent for secret in secrets.values()} == {Path("secrets")}
    assert {secret for service in _SERVICES.values() for secret in service.get("secrets", [])} == secrets.keys()
    for service in _SERVICES.values():
        for variable in service.get("environment", {}):
            assert not re.search(r"PASSWORD$|_URL$|TOKEN|SECRET", variable), variable


def test_the_comments_create_every_secret() -> None:
    """The commands at the head of the file create every file that it names."""
    text = (_ROOT / "compose.yaml").read_text(encoding="utf-8")
    made = set(re.findall(r"^#   (?:openssl|echo) .*> (\S+)$", text, re.MULTILINE))
    assert made == {Path(secret["file"]).name for secret in _COMPOSE["secrets"].values()}


def test_data_outlives_its_container() -> None:
    """Both servers store their data in a named volume, and Redis has an append-only file."""
    assert _SERVICES["redis"]["volumes"] == ["redis:/data"]
    assert _SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]
    assert _COMPOSE["volumes"].keys() == {"redis", "postgres"}
    command = " ".join(_SERVICES["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


@pytest.mark.parametrize("name", _OURS)
def test_our_containers_have_no_unused_rights(name: str) -> None:
    """Only /tmp is writable, no capability is left, and the user of the image is not root."""
    service = _SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service
    (user,) = re.findall(r"^USER (\d+):\d+$", _DOCKERFILE, re.MULTILINE)
    assert int(user) > 0


def test_the_image_is_built_from_named_files_only() -> None:
    """The context of the build contains exactly what the Dockerfile copies."""
    lines = (_ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    opened = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", _DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert opened == copied
    assert all((_ROOT / name).exists() for name in copied)


def _locked(name: str) -> Iterator[tuple[str, str]]:
    """Yield each requirement of a lock, and its hashes as one text."""
    text = re.sub(r"\s*#.*", "", (_ROOT / name).read_text(encoding="utf-8")).replace("\\\n", " ")
    for line in filter(None, text.splitlines()):
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        parsed = Requirement(requirement)
        yield f"{canonicalize_name(parsed.name)}{parsed.specifier}", " ".join(sorted(hashes))


@pytest.mark.parametrize("lock", ["requirements.consumers.lock", "requirements.build.lock"])
def test_the_image_installs_what_the_tests_use(lock: str) -> None:
    """Its locks are parts of requirements.lock, with hashes. `make lock` writes all of them."""
    assert f"--requirement {lock}" in _DOCKERFILE
    found = set(_locked(lock))
    assert len(found) > 10
    assert found <= set(_locked("requirements.lock"))
    assert all(hashes for _, hashes in found)
