"""The workloads.yaml that a command goes by: the one here, or the one beside the package."""

from pathlib import Path

import yaml

from cli.output import BadInputError
from lanekeeper import registry
from lanekeeper.errors import RegistryError
from lanekeeper.policy import Registry, registry_of

REGISTRY = Path("workloads.yaml")


def found_registry(*, or_else: str = "run the command elsewhere") -> Registry:
    """Empty where there is none. Raises BadInputError for a bad one; `or_else` is what to do about it."""
    path = next((path for path in (REGISTRY, registry.PATH) if path.exists()), None)
    if path is None:
        return {}
    try:
        return registry_of(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError, RegistryError) as error:
        raise BadInputError(f"{path} cannot be read: {error}; or {or_else}") from error
