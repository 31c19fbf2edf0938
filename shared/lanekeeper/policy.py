"""The workload registry: what workloads.yaml says, checked. One line per workload is enough."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

from lanekeeper.errors import RegistryError

DEFAULT_MAX_LATENCY = timedelta(hours=24)

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_DURATION = re.compile(r"(\d+)\s*(m|h|d)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_Choice = TypeVar("_Choice", bound=StrEnum)


class Batching(StrEnum):
    """Whether a workload's requests may travel in batches."""

    NEVER = "never"  # zero data retention does not cover batches, for one
    WHEN_IT_PAYS = "when_it_pays"  # where the deadline leaves the time
    ALWAYS = "always"  # whatever the deadline; only high priority goes real time


class OnLate(StrEnum):
    """What becomes of a request whose deadline its batch will miss."""

    RESCUE = "rescue"
    WAIT = "wait"
    FAIL = "fail"


class Notify(StrEnum):
    """Which completion events a workload gets."""

    BATCH = "batch"  # one per batch
    EACH = "each"  # one per request
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One line of the registry."""

    name: str
    max_latency: timedelta = DEFAULT_MAX_LATENCY  # the deadline of a request that names none
    batch: Batching = Batching.WHEN_IT_PAYS
    on_late: OnLate = OnLate.RESCUE
    notify: Notify = Notify.BATCH


Registry = Mapping[str, Workload]


def registry_of(document: Any) -> Registry:
    """The workloads of the parsed workloads.yaml; raises RegistryError naming workload, field and remedy."""
    if not isinstance(document, Mapping):
        raise RegistryError(
            "workloads.yaml must map workload names to settings, like  content-pipeline: {max_latency: 24h}"
        )
    return {name: _workload(name, fields or {}) for name, fields in document.items()}


def workload_of(registry: Registry, name: str) -> Workload:
    """A workload as it is deployed; with the defaults where it was taken out while its requests were under way."""
    return registry.get(name) or Workload(name=name)


def is_workload_name(name: Any) -> bool:
    """Whether a workload could have this name: 1 to 40 of a-z, 0-9 and -, not starting with -."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def _workload(name: Any, fields: Any) -> Workload:
    if not is_workload_name(name):
        raise RegistryError(f"workload {name!r}: a name is 1 to 40 of a-z, 0-9 and -, not starting with -")
    if not isinstance(fields, Mapping):
        raise RegistryError(f"workload {name}: settings are a mapping, like {{max_latency: 24h}}")
    unknown = set(fields) - {"max_latency", "batch", "on_late", "notify"}
    if unknown:
        raise RegistryError(f"workload {name}: unknown setting {sorted(map(str, unknown))[0]}")
    return Workload(
        name=name,
        max_latency=_duration(name, fields.get("max_latency", "24h")),
        batch=_choice(name, "batch", Batching, fields.get("batch", Batching.WHEN_IT_PAYS)),
        on_late=_choice(name, "on_late", OnLate, fields.get("on_late", OnLate.RESCUE)),
        notify=_choice(name, "notify", Notify, fields.get("notify", Notify.BATCH)),
    )


def _duration(name: str, text: Any) -> timedelta:
    match = _DURATION.fullmatch(str(text).strip())
    if not match or int(match[1]) == 0:
        raise RegistryError(f"workload {name}: max_latency is a time like 30m, 24h or 2d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _choice(name: str, field: str, choices: type[_Choice], value: Any) -> _Choice:
    try:
        return choices(value)
    except ValueError as error:
        raise RegistryError(f"workload {name}: {field} is one of {', '.join(choices)}") from error
