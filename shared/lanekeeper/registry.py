"""workloads.yaml, read from beside the package: from the layer in Lambda, from the project's root elsewhere."""

from functools import cache
from pathlib import Path

import yaml

from lanekeeper.errors import RegistryError
from lanekeeper.policy import Registry, registry_of

PATH = Path(__file__).parent.parent / "workloads.yaml"


@cache
def deployed_registry() -> Registry:
    """The workloads that were deployed with this code; raises RegistryError where the file cannot be read."""
    try:
        return registry_of(yaml.safe_load(PATH.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise RegistryError("workloads.yaml is not YAML") from error
