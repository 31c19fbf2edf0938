"""Small pieces of work in the batch lane, each of which needs certain permissions."""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from lanekeeper import moments
from lanekeeper.quarantine import LASTING
from local.roles.scenes import Scene
from local.roles.stage import Invocation, NotPreparedError, long_ago

CLAUDES_BATCH_SECONDS = 3600  # emulated: every batch of the demo's emulator has ended by then


class _BatchScene(Scene):
    """One segment on its way, its batch told by the rows."""

    wake_up: dict[str, str]
    ends_as: ClassVar[str]  # the state in which its batch is, once the work is done

    def is_done(self, invocation: Invocation) -> bool:
        return invocation.is_clean and self.state == self.ends_as

    def buffer(self, requests: int = 1, *, created_at: str | None = None) -> None:
        """A segment of so many requests, by default one whose window has passed."""
        asked = [self.stage.request("content-pipeline") for _ in range(requests)]
        records = [self.stage.record("RequestQueue", request) for request in asked]
        self.stage.invoke("ClassifierFunction", *records).check()
        segment = self.stage.row(asked[0])["segment"]
        self.stage.change("BatchesTable", {"item_id": f"segment#{segment}"}, created_at=created_at or long_ago())
        self.wake_up = {"class_id": self.segment(segment)["class_id"], "segment": segment}

    def submit(self) -> Invocation:
        return self.stage.invoke("BatchSubmitterFunction", self.stage.record("BatchQueue", self.wake_up))

    def tick(self) -> Invocation:
        return self.stage.invoke("PollerFunction")

    def segment(self, segment: str) -> dict[str, Any]:
        return self.stage.item("BatchesTable", {"item_id": f"segment#{segment}"})

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
