"""Traffic through the stack: a sender, a poller that is called often, and a watch on what becomes of it."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from local.demo import evidence
from local.demo.evidence import Rejections
from local.demo.progress import Status, Watch, status_of
from local.demo.traffic import Line, Sent, send
from local.stack import FunctionFailedError, Stack

SENT_PER_SECOND = 30  # about what two cores can answer: an urgent request should not wait for our own machine
TICK_SECONDS = 1.5  # between two calls of the poller, beside those of the schedule
LOOK_SECONDS = 1.0
LIMIT_SECONDS = 240.0  # to the last answer, and a little for each message
LIMIT_SECONDS_PER_MESSAGE = 0.5


@dataclass(slots=True)
class Drive:
    """Sends the lines and waits until each has come to its end."""

    stack: Stack
    lines: list[Line]
    rejections: Rejections
    sent: list[Sent] = field(default_factory=list)
    _batches_exist: threading.Event = field(default_factory=threading.Event)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def __call__(self, watch: Watch, limit: float) -> bool:
        """False where the time was up first; `limit` is in seconds."""
        with ThreadPoolExecutor(max_workers=1) as pool, self._ticking():
            return self._wait(pool.submit(self._send), watch, limit)

    def _send(self) -> None:
        """At an even rate, as a day's traffic comes."""
        began = time.monotonic()
        for pack in send(self.stack.client("sqs"), self.stack.outputs["RequestQueueUrl"], self.lines):
            self.sent += pack
            if self._stopped.wait(max(0.0, began + len(self.sent) / SENT_PER_SECOND - time.monotonic())):
                return

    def _wait(self, sending: Future[None], watch: Watch, limit: float) -> bool:
        """Until every message has its end and every batch its effects."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            began = time.monotonic()
            status = self._status()
            watch.show(status)
            if sending.done():
                sending.result()  # raises what the sender has met
                if status.is_over:
                    return True
            time.sleep(max(LOOK_SECONDS, time.monotonic() - began))  # a large table is not read all the time
        return False

    def _status(self) -> Status:
        self.rejections.look()
        batches = evidence.batches(self.stack)
        if batches:
            self._batches_exist.set()
        requests, sent = evidence.requests(self.stack), list(self.sent)
        return status_of(len(self.lines), sent, requests, batches, self.rejections.codes)

    @contextmanager
    def _ticking(self) -> Iterator[None]:
        """Calls the poller once there are batches, so that nobody waits for the minute."""
        ticker = threading.Thread(target=self._tick, name="poller", daemon=True)
        ticker.start()
        try:
            yield
        finally:
            self._stopped.set()
            ticker.join()

    def _tick(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            if self._batches_exist.is_set():
                with suppress(FunctionFailedError, ClientError, BotoCoreError):  # its log tells; the next may work
                    self.stack.invoke("PollerFunction")


def time_limit(minutes: float | None, messages: int) -> float:
    """The most seconds to wait for the last answer: as told, or by the number of messages."""
    return minutes * 60 if minutes is not None else LIMIT_SECONDS + LIMIT_SECONDS_PER_MESSAGE * messages
