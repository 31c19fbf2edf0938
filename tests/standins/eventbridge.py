"""EventBridge, as far as we use it: events that are put."""

from dataclasses import dataclass, field
from typing import Any

from tests.standins.wire import Wire, remote


@dataclass
class EventBridge:
    wire: Wire = field(default_factory=Wire)
    put: list[dict[str, Any]] = field(default_factory=list)
    service = "events"

    @remote
    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        if len(Entries) > 10:
            raise ValueError("an event bus takes ten entries a call")
        self.put.extend(Entries)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "put"} for _ in Entries]}
