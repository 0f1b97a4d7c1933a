"""The classes of all SQL files of the consumers."""

import pkgutil
from importlib import import_module

import eunoe_consumers
from eunoe_consumers.postgres.queries import QueryFile


def query_files() -> list[type[QueryFile]]:
    """Import every module of the consumers, and return the classes of SQL files that they define."""
    for module in pkgutil.walk_packages(eunoe_consumers.__path__, "eunoe_consumers."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    return [found for found in QueryFile.__subclasses__() if found.__module__.startswith("eunoe_consumers.")]
