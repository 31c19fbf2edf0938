"""Small pieces of work in the batch lane, each of which needs certain permissions."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from lanekeeper import moments
from lanekeeper.quarantine import LASTING
from local.roles.scenes import Scene
from local.roles.stage import Invocation, NotPreparedError, key_of, long_ago

CLAUDES_BATCH_SECONDS = 3600  # emulated: every batch of the demo's emulator has ended by then

ALL_SENT = {"rescue": "9999"}  # behind every deadline: each rescue's message is on its way


class _BatchScene(Scene):
    """One segment on its way, its batch told by the rows."""

    asked: list[dict[str, Any]]
    wake_up: dict[str, str]
    ends_as: ClassVar[str]  # the state in which its batch is, once the work is done

    def is_done(self, invocation: Invocation) -> bool:
        return invocation.is_clean and self.state == self.ends_as

    def buffer(self, requests: int = 1, *, created_at: str | None = None) -> None:
        """A segment of so many requests, by default one whose window has passed."""
        self.asked = [self.stage.request("content-pipeline") for _ in range(requests)]
        records = [self.stage.record("RequestQueue", request) for request in self.asked]
        self.stage.invoke("ClassifierFunction", *records).check()
        segment = self.stage.row(self.asked[0])["segment"]
        self.stage.change("BatchesTable", {"item_id": f"segment#{segment}"}, created_at=created_at or long_ago())
        self.wake_up = {"class_id": self.segment(segment)["class_id"], "segment": segment}

    def submit(self) -> Invocation:
        return self.stage.invoke("BatchSubmitterFunction", self.stage.record("BatchQueue", self.wake_up))

    def tick(self) -> Invocation:
        return self.stage.invoke("PollerFunction")

    def segment(self, segment: str) -> dict[str, Any]:
        return self.stage.item("BatchesTable", {"item_id": f"segment#{segment}"})

    @property
    def segment_id(self) -> str:
        return self.wake_up["segment"]

    @property
    def batch(self) -> str:
        """The id of the segment's batch."""
        return str(self.segment(self.wake_up["segment"]).get("batch"))

    @property
    def state(self) -> str | None:
        """The state of the segment's batch, where it has one."""
        return self.stage.item("BatchesTable", {"item_id": f"batch#{self.batch}"}).get("state")

    def make_due(self, state: str) -> None:
        """The poller takes the batch up at its next tick; raises NotPreparedError where it is in another state."""
        if self.state != state:
            raise NotPreparedError(f"the batch is {self.state}, not {state}")
        self.stage.make_due(f"batch#{self.batch}")


# --- batch submitter -------------------------------------------------------------------------------------------------


class RipeSegment(_BatchScene):
    """Is sealed into a batch and sent."""

    function = "BatchSubmitterFunction"
    ends_as = "OPEN"

    def prepare(self) -> None:
        self.buffer()

    def call(self) -> Invocation:
        return self.submit()


class RefusedRequest(RipeSegment):
    """A batch of one that Claude will never take: the refusal is stored like a result."""

    ends_as = "STORED"

    def prepare(self) -> None:
        self.buffer()
        self.stage.let_claude(route="create", fault="status", status=422)


class RescuedSegment(RipeSegment):
    """Its one request is being answered in real time: nothing is left to send."""

    ends_as = "DROPPED"

    def prepare(self) -> None:
        self.buffer()
        self.stage.change("BatchesTable", {"item_id": f"segment#{self.segment_id}"}, deadlines_done=ALL_SENT)
        self.stage.change("RequestsTable", {"request_key": key_of(self.asked[0])}, rescue="pending")


class RescuedRequest(_BatchScene):
    """Is answered in real time from its line in the segment."""

    function = "RealtimeInvokerFunction"

    def prepare(self) -> None:
        self.buffer()
        request = self.asked[0]
        self.stage.change("RequestsTable", {"request_key": key_of(request)}, rescue="pending")
        line = {
            "segment": self.segment_id,
            "sequence": 0,
            "start": 0,
            "end": int(self.segment(self.segment_id)["size"]),
        }
        asked = {"key": key_of(request), "model": request["params"]["model"], "metadata": {}, "line": line}
        self.record = self.stage.record(
            "RealtimeQueue", {"id": request["id"], "workload": request["workload"], **asked}
        )

    def call(self) -> Invocation:
        return self.stage.invoke(self.function, self.record)

    def is_done(self, invocation: Invocation) -> bool:
        return invocation.is_clean and "outcome" in self.stage.row(self.asked[0])


class UnripeSegment(RipeSegment):
    """Its wake-up goes back to the queue, to come when the window has passed."""

    def prepare(self) -> None:
        self.buffer(created_at=moments.to_text(datetime.now(UTC) + timedelta(hours=1)))

    def is_done(self, invocation: Invocation) -> bool:
        return "record-failed" not in invocation.log


# --- poller ----------------------------------------------------------------------------------------------------------


class HeldBatch(_BatchScene):
    """Claude said not now, and the time that it named has passed: the batch is sent."""

    function = "PollerFunction"
    ends_as = "OPEN"

    def prepare(self) -> None:
        self.buffer()
        self.stage.let_claude(route="create", fault="status", status=429, retry_after="1")
        self.submit().check()
        self.make_due("HELD")

    def call(self) -> Invocation:
        return self.tick()


class RefusedHeldBatch(HeldBatch):
    """The same, and Claude refuses its only request for good."""

    ends_as = "STORED"

    def prepare(self) -> None:
        super().prepare()
        self.stage.let_claude(route="create", fault="status", status=422)


class RescuedHeldBatch(HeldBatch):
    """The same, and its one request is being answered in real time meanwhile."""

    ends_as = "DROPPED"

    def prepare(self) -> None:
        super().prepare()
        self.stage.change("BatchesTable", {"item_id": f"batch#{self.batch}"}, deadlines_done=ALL_SENT)
        self.stage.change("RequestsTable", {"request_key": key_of(self.asked[0])}, rescue="pending")


class NearDeadline(HeldBatch):
    """Its request is sent to the real-time lane as well, and its deadline told of."""

    def prepare(self) -> None:
        self.buffer()
        self.submit().check()
        key, soon = f"segments/{self.segment_id}.index.jsonl", moments.to_text(datetime.now(UTC) + timedelta(minutes=1))
        entry = json.loads(self.stage.read(key)) | {"deadline": soon}
        self.stage.leave(key, json.dumps(entry).encode() + b"\n")
        self.stage.change("BatchesTable", {"item_id": f"batch#{self.batch}"}, deadline=soon)

    def is_done(self, invocation: Invocation) -> bool:
        return "deadlines-failed" not in invocation.log and bool(self.stage.waiting("RealtimeQueue"))


class DoubtfulBatch(HeldBatch):
    """Its create got no answer: it is found in Claude's listing and adopted."""

    def prepare(self) -> None:
        self.buffer()
        self.stage.let_claude(route="create", fault="drop_after_accept")
        self.submit().check()
        self.make_due("SENDING")


class ForgottenSegment(HeldBatch):
    """Its wake-up was lost: the poller sends another."""

    def prepare(self) -> None:
        self.buffer()
        self.stage.make_due(f"segment#{self.wake_up['segment']}")
        self.stage.empty("BatchQueue")

    def is_done(self, _invocation: Invocation) -> bool:
        return bool(self.stage.waiting("BatchQueue"))


class EndedBatch(HeldBatch):
    """Is handed to the collector."""

    requests: ClassVar[int] = 1

    def prepare(self) -> None:
        self.buffer(self.requests)
        self.submit().check()
        self.stage.pass_claudes_time(CLAUDES_BATCH_SECONDS)
        self.make_due("OPEN")

    def is_done(self, _invocation: Invocation) -> bool:
        return bool(self.stage.waiting("CollectQueue"))


# --- collector -------------------------------------------------------------------------------------------------------


class CollectedBatch(EndedBatch):
    """Of its two requests one was answered, the other goes round again."""

    function = "CollectorFunction"
    ends_as = "COLLECTED"
    requests = 2
    unanswered: ClassVar[str] = "expired"

    def prepare(self) -> None:
        self.stage.let_claude(route="batch_rows", outcome=self.unanswered)
        super().prepare()
        self.tick().check()

    def call(self) -> Invocation:
        return self.stage.invoke(self.function, self.stage.record("CollectQueue", {"batch": self.batch}))

    def is_done(self, invocation: Invocation) -> bool:
        return invocation.is_clean and self.state == self.ends_as


class CutDownload(CollectedBatch):
    """The results break off: the upload is given up, and the batch waits for its next collector."""

    ends_as = "ENDED"

    def prepare(self) -> None:
        super().prepare()
        self.stage.let_claude(route="results", fault="cut", rows=1)


class QuarantinedBatch(CollectedBatch):
    """One of its rows is of a type that nobody knows, as it was in the downloads before: its line is set aside."""

    unanswered: ClassVar[str] = "unknown"

    def prepare(self) -> None:
        super().prepare()
        begun = moments.to_text(datetime.now(UTC) - LASTING)
        self.stage.change("BatchesTable", {"item_id": f"batch#{self.batch}"}, odd_downloads=9, odd_since=begun)

    def is_done(self, invocation: Invocation) -> bool:
        item = self.stage.item("BatchesTable", {"item_id": f"batch#{self.batch}"})
        return invocation.is_clean and "quarantine" in item


class ReleasedBatch(CollectedBatch):
    """The same, and a person takes what there is."""

    unanswered: ClassVar[str] = "unknown"

    def prepare(self) -> None:
        super().prepare()
        quarantine = {"unknown": 1, "usable": 1, "object": "quarantine/none", "since": long_ago()}
        self.stage.change("BatchesTable", {"item_id": f"batch#{self.batch}"}, quarantine=quarantine, release=True)


# --- auditor ---------------------------------------------------------------------------------------------------------


class AuditedBatch(_BatchScene):
    """One batch at Claude since a while, whose requests and their answers are looked at, and all that came before."""

    function = "AuditorFunction"

    def prepare(self) -> None:
        self.buffer()
        self.submit().check()

    def call(self) -> Invocation:
        return self.stage.invoke(self.function)

    def is_done(self, invocation: Invocation) -> bool:
        return not invocation.raised and bool(invocation.answer["completed"])
