"""The environment of each function as one typed record; nothing else reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from lanekeeper.models import Stage

_Settings = TypeVar("_Settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierSettings:
    stage: Stage
    requests_table: str
    batches_table: str
    content_bucket: str
    realtime_queue_url: str
    batch_queue_url: str
    rejected_queue_url: str
    completion_bus: str
    batch_window_seconds: int
    rescue_margin_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeInvokerSettings:
    requests_table: str
    batches_table: str
    ledger_table: str
    content_bucket: str
    realtime_queue_url: str
    realtime_dead_letter_queue_url: str
    completion_bus: str
    claude_secret_arn: str
    claude_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSubmitterSettings:
    requests_table: str
    batches_table: str
    content_bucket: str
    batch_queue_url: str
    claude_secret_arn: str
    claude_url: str
    batch_window_seconds: int
    settle_seconds: int
    max_waiting_requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PollerSettings:
    requests_table: str
    batches_table: str
    content_bucket: str
    realtime_queue_url: str
    batch_queue_url: str
    collect_queue_url: str
    completion_bus: str
    rescue_margin_seconds: int
    claude_secret_arn: str
    claude_url: str
    batch_window_seconds: int
    settle_seconds: int
    max_waiting_requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorSettings:
    requests_table: str
    batches_table: str
    ledger_table: str
    content_bucket: str
    batch_queue_url: str
    completion_bus: str
    claude_secret_arn: str
    claude_url: str
    batch_window_seconds: int
    rescue_margin_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditorSettings:
    requests_table: str
    batches_table: str
    ledger_table: str
    content_bucket: str
    request_queue_url: str
    request_dead_letter_queue_url: str
    realtime_queue_url: str
    realtime_dead_letter_queue_url: str
    claude_secret_arn: str
    claude_url: str


def load(model: type[_Settings], environment: Mapping[str, str] | None = None) -> _Settings:
    """Reads one function's settings; KeyError names a variable that the template forgot."""
    source = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for field in fields(model):  # type: ignore[arg-type]
        text = source[field.name.upper()]
        values[field.name] = field.type(text) if callable(field.type) else text
    return model(**values)
