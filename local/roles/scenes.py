"""Small pieces of work in the real-time lane and before it, each of which needs certain permissions."""

import hashlib
import json
from abc import ABC, abstractmethod
from typing import ClassVar

from lanekeeper.queues import WORN_RECEIVES
from local.demo.warmth import idle_event
from local.roles.stage import Invocation, Record, Stage, key_of, long_ago

LARGE = "So many words. " * 20_000  # more than the inner queues carry


class Scene(ABC):
    """Prepared with every permission there; then the function is called, perhaps with one of them gone."""

    function: ClassVar[str]  # logical id
    starts_anew: ClassVar[bool] = False  # begins with a fresh process, which costs seconds

    record: Record

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.prepare()

    @abstractmethod
    def prepare(self) -> None:
        """Everything up to the call; raises NotPreparedError."""

    def call(self) -> Invocation:
        return self.stage.invoke(self.function, self.record)

    def is_done(self, invocation: Invocation) -> bool:
        """Whether the work was done, by the function's answer or by what it leaves behind."""
        return invocation.is_clean


# --- classifier ------------------------------------------------------------------------------------------------------


class UrgentRequest(Scene):
    """Goes to the real-time invoker."""

    function = "ClassifierFunction"

    def prepare(self) -> None:
        self.record = self.stage.record("RequestQueue", self.stage.request("live-chat"))


class LargeUrgentRequest(Scene):
    """Goes to the real-time invoker by way of the bucket."""

    function = "ClassifierFunction"

    def prepare(self) -> None:
        self.record = self.stage.record("RequestQueue", self.stage.request("live-chat", text=LARGE))


class ClaimedRequest(Scene):
    """Its params lie in the inbox, where its producer left them."""

    function = "ClassifierFunction"

    def prepare(self) -> None:
        request = self.stage.request("content-pipeline")
        body = json.dumps(request.pop("params")).encode()
        key = f"inbox/content-pipeline/{request['id']}.json"
        claim = {"key": key, "version": self.stage.leave(key, body), "sha256": hashlib.sha256(body).hexdigest()}
        self.record = self.stage.record("RequestQueue", {**request, "params_object": claim})


class PatientRequest(Scene):
    """Goes into a segment, and wakes the batch submitter."""

    function = "ClassifierFunction"

    def prepare(self) -> None:
        self.record = self.stage.record("RequestQueue", self.stage.request("content-pipeline"))


class RejectedMessage(Scene):
    """Is kept, and its producer told."""

    function = "ClassifierFunction"

    def prepare(self) -> None:
        self.record = self.stage.record("RequestQueue", "no request at all")


class OrphanedRequest(Scene):
    """Its classifier died before the commit: it moves to another segment."""

    function = "ClassifierFunction"

    def prepare(self) -> None:
        request = self.stage.request("content-pipeline")
        self.record = self.stage.record("RequestQueue", request)
        self.stage.invoke("ClassifierFunction", self.record).check()
        self.stage.clear()
        self.stage.change("RequestsTable", {"request_key": key_of(request)}, accepted_at=long_ago())


# --- real-time invoker -----------------------------------------------------------------------------------------------


class AnsweredRequest(Scene):
    """Is asked of Claude, stored, booked and announced."""

    function = "RealtimeInvokerFunction"
    text: ClassVar[str] = "Hello."

    def prepare(self) -> None:
        self.request = self.stage.request("live-chat", text=self.text)
        self.stage.invoke("ClassifierFunction", self.stage.record("RequestQueue", self.request)).check()
        self.record = self.stage.take("RealtimeQueue")


class LargeAnsweredRequest(AnsweredRequest):
    """Is read from the bucket first."""

    text = LARGE


class RecoveredRequest(AnsweredRequest):
    """Its worker died after it had stored the answer, which is found."""

    def prepare(self) -> None:
        super().prepare()
        self.call().check()
        key = {"request_key": key_of(self.request)}
        self.stage.change("RequestsTable", key, outcome=None, lease_until=long_ago())
        self.record = self.stage.record("RealtimeQueue", self.record["body"])


class UnknownRequest(AnsweredRequest):
    """It has no row any more: it goes to the dead letters."""

    def prepare(self) -> None:
        super().prepare()
        self.stage.delete("RequestsTable", {"request_key": key_of(self.request)})


class LaneFailure(AnsweredRequest):
    """Claude is busy: the failure is noted in the lane's row, and the message comes again."""

    def prepare(self) -> None:
        super().prepare()
        self.lane = {"item_id": "lane#realtime"}
        self.before = self.stage.item("BatchesTable", self.lane)
        self.stage.let_claude(route="messages", fault="status", status=529)

    def is_done(self, invocation: Invocation) -> bool:
        return not invocation.raised and self.stage.item("BatchesTable", self.lane) != self.before


class WornMessage(AnsweredRequest):
    """It was received so often that a fresh copy of it is sent."""

    def prepare(self) -> None:
        super().prepare()
        self.record["attributes"]["ApproximateReceiveCount"] = str(WORN_RECEIVES)
        self.stage.let_claude(route="messages", fault="status", status=529)

    def is_done(self, invocation: Invocation) -> bool:
        return invocation.is_clean  # else it would have to come again


# --- Claude's key ----------------------------------------------------------------------------------------------------


class _KeyRead(Scene):
    """A function that has just started asks for Claude's key, whatever it is called for."""

    starts_anew = True

    def prepare(self) -> None:
        self.stage.restart(self.function)

    def call(self) -> Invocation:
        return self.stage.invoke(self.function, *idle_event(self.function.removesuffix("Function"))["Records"])

    def is_done(self, invocation: Invocation) -> bool:
        return not invocation.raised


class KeyReadByInvoker(_KeyRead):
    function = "RealtimeInvokerFunction"


class KeyReadBySubmitter(_KeyRead):
    function = "BatchSubmitterFunction"


class KeyReadByPoller(_KeyRead):
    function = "PollerFunction"


class KeyReadByCollector(_KeyRead):
    function = "CollectorFunction"


class KeyReadByAuditor(_KeyRead):
    function = "AuditorFunction"
