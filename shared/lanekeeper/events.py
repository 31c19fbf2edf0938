"""Events on EventBridge: sent after the terminal write, at least once, each with a stable id, never with content."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lanekeeper.errors import LanekeeperError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "lanekeeper"


class EventsNotSentError(LanekeeperError):
    """EventBridge refused events; the step that sends them is repeated."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened (BatchCompleted, RequestCompleted, RequestRejected, DeadlineEndangered), in facts; a repeat has the
    same event_id."""

    kind: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CompletionBus:
    """The bus that consumers put their rules on."""

    eventbridge: "EventBridgeClient"
    name: str

    def send(self, events: Iterable[Event]) -> None:
        """Sends ten a call; raises EventsNotSentError where EventBridge did not take them all."""
        entries = [
            {"EventBusName": self.name, "Source": SOURCE, "DetailType": event.kind, "Detail": json.dumps(event.detail)}
            for event in events
        ]
        for start in range(0, len(entries), 10):
            answer = self.eventbridge.put_events(Entries=entries[start : start + 10])  # type: ignore[arg-type]
            if answer["FailedEntryCount"]:
                raise EventsNotSentError(f"EventBridge refused {answer['FailedEntryCount']} events")


def request_completed(row: Mapping[str, Any], *, request_id: str, bucket: str) -> Event:
    """One request has its terminal state; `row` is its row."""
    return Event(
        "RequestCompleted",
        {
            "event_id": row["request_key"],
            "id": request_id,
            "workload": row["workload"],
            "lane": row["lane"],
            "outcome": row["outcome"],
            "reason": row["outcome_reason"],
            "late": bool(row.get("late")),
            "answer": {
                "bucket": bucket,
                "key": row["answer_key"],
                "from": int(row["answer_from"]),
                "to": int(row["answer_to"]),
            },
        },
    )


def deadline_endangered(*, key: str, request_id: str, workload: str, deadline: str, lane: str) -> Event:
    """A request will hardly be answered in time; it goes on all the same, unless its workload wants no late answers."""
    detail = {"event_id": f"{key}:deadline", "id": request_id, "workload": workload, "deadline": deadline, "lane": lane}
    return Event("DeadlineEndangered", detail)
