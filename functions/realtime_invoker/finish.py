"""The end of a real-time request: answer to S3, cost to the ledger, terminal state to its row, event. In this order."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from lanekeeper import moments
from lanekeeper.errors import ClaudeRefusedError, ClaudeUnclearError
from lanekeeper.events import CompletionBus, deadline_endangered, request_completed
from lanekeeper.given_up import write_end
from lanekeeper.ledger import Ledger, LedgerRow
from lanekeeper.lifecycle import MAX_LOST_LEASES, error_type
from lanekeeper.models import Lane, Outcome
from lanekeeper.policy import Notify, OnLate, Registry, workload_of
from lanekeeper.pricing import PriceList
from lanekeeper.realtime_messages import RealtimeRequest
from lanekeeper.requests_table import Ending, RequestsTable, ending_fields
from lanekeeper.rescue import is_over
from lanekeeper.results import bill_of, result_line
from lanekeeper.spool import Spool, result_key
from lanekeeper.telemetry import count, seconds

from .attempt import Attempt

NO_ANSWER = "no-answer"
REPORT_BEFORE = timedelta(minutes=5)  # what a consumer is promised to know ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Every way in which a real-time request ends. All return True: the message is done with."""

    requests: RequestsTable
    ledger: Ledger
    spool: Spool
    bus: CompletionBus
    prices: PriceList
    registry: Registry
    clock: Callable[[], datetime]

    def answered(self, request: RealtimeRequest, attempt: Attempt, answer: bytes) -> bool:
        """Claude answered. Raises ClaudeUnclearError where what came is no message."""
        try:
            message = json.loads(answer)
            bill_of(message, self.prices, batch=False, at=attempt.started_at)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ClaudeUnclearError(f"an answer that is none: {type(error).__name__}", unreadable=True) from None
        result = b'{"type": "succeeded", "message": ' + answer.replace(b"\n", b" ") + b"}"
        line = self._store(request, attempt, result)
        return self._succeeded(request, attempt, message, len(line) - 1)

    def recover(self, request: RealtimeRequest, row: Mapping[str, Any]) -> bool:
        """Finishes what a dead worker had stored already; else notes that its call may have been paid. False then."""
        attempt = Attempt.last_of(row)
        line = self.spool.find(_answer_key(request, attempt))
        if line is None:
            self.possible_duplicate(request, attempt)
            return False
        result = json.loads(line)["result"]
        if result["type"] == "succeeded":
            return self._succeeded(request, attempt, result["message"], len(line) - 1)
        return self._failed(request, attempt, error_type(result), len(line) - 1)

    def booked(self, request: RealtimeRequest, row: Mapping[str, Any]) -> bool:
        """A worker died over a request that its batch, or its deadline, has ended meanwhile: its call is on the ledger,
        too."""
        attempt = Attempt.last_of(row)
        line = self.spool.find(_answer_key(request, attempt))
        result = None if line is None else json.loads(line)["result"]
        if result is None:
            self.possible_duplicate(request, attempt)
        elif result["type"] == "succeeded":
            self._book(request, attempt, result["message"])
        self.requests.end_lease(request.key, attempt=attempt.number)
        return self.announce(request, row)

    def refused(self, request: RealtimeRequest, attempt: Attempt, error: ClaudeRefusedError) -> bool:
        """The request itself is at fault; Claude's own words lie in S3."""
        body = error.body or {"type": "error", "error": {"type": error.error_type}}
        line = self._store(request, attempt, json.dumps({"type": "errored", "error": body}).encode())
        return self._failed(request, attempt, error.error_type, len(line) - 1)

    def give_up(self, request: RealtimeRequest, row: Mapping[str, Any]) -> bool:
        """Every worker that took it died or ran out of time: it gets its end, and a person its message."""
        attempt = Attempt.last_of(row)
        words = f"{MAX_LOST_LEASES} calls ended without an answer"
        error = {"type": "error", "error": {"type": NO_ANSWER, "message": words}}
        line = self._store(request, attempt, json.dumps({"type": "errored", "error": error}).encode())
        return self._failed(request, attempt, NO_ANSWER, len(line) - 1)

    def possible_duplicate(self, request: RealtimeRequest, attempt: Attempt) -> None:
        """A call whose answer nobody saw: perhaps billed, so its cost is unknown, not 0."""
        count("PossibleDuplicates")
        self.ledger.record([self._cost_record(request, attempt, "possible_duplicate")], now=self.clock())

    def announce(self, request: RealtimeRequest, row: Mapping[str, Any]) -> bool:
        """Tells consumers, where their workload wants to be told; a redelivery tells them again."""
        if workload_of(self.registry, request.workload).notify is not Notify.NONE:
            self.bus.send([request_completed(row, request_id=request.id, bucket=self.spool.bucket)])
        return True

    def endangered(self, request: RealtimeRequest, attempt: Attempt, *, until: datetime) -> None:
        """Tells, once, that a request which waits until then will hardly be answered in time."""
        if attempt.is_told or not is_near(attempt.deadline, until):
            return
        if workload_of(self.registry, request.workload).notify is not Notify.NONE:
            told = deadline_endangered(
                key=request.key,
                request_id=request.id,
                workload=request.workload,
                deadline=attempt.deadline,
                lane=attempt.lane,
            )
            self.bus.send([told])
        count("DeadlinesEndangered", int(self.requests.note_endangered(request.key, now=self.clock())))

    def deadline_passed(self, request: RealtimeRequest, row: Mapping[str, Any]) -> bool:
        """Ends a request whose workload wants no late answer."""
        now = self.clock()
        ending = write_end(
            self.spool,
            key=request.key,
            request_id=request.id,
            workload=request.workload,
            metadata=request.metadata,
            deadline=row["deadline"],
            now=now,
        )
        done = self._finish(request, ending, lane=row["lane"])
        if "lease_until" in row:  # a dead worker's, who has left nothing
            self.requests.end_lease(request.key, attempt=int(row["attempt"]))
        return done

    def is_unwanted(self, request: RealtimeRequest, row: Mapping[str, Any]) -> bool:
        """Whether its deadline has passed, and with it the wish for an answer."""
        is_late = row["deadline"] < moments.to_text(self.clock())
        return is_late and workload_of(self.registry, request.workload).on_late is OnLate.FAIL

    def _store(self, request: RealtimeRequest, attempt: Attempt, result: bytes) -> bytes:
        row = b'{"custom_id": null, "result": ' + result + b"}"
        line = result_line(
            row,
            request_id=request.id,
            workload=request.workload,
            metadata=request.metadata,
            batch=None,
            ended_at=moments.to_text(self.clock()),
        )
        self.spool.put(_answer_key(request, attempt), line)
        return line

    def _succeeded(self, request: RealtimeRequest, attempt: Attempt, message: Mapping[str, Any], size: int) -> bool:
        cost = self._book(request, attempt, message)
        return self._end(request, attempt, Outcome.SUCCEEDED, str(message.get("stop_reason")), size, cost)

    def _book(self, request: RealtimeRequest, attempt: Attempt, message: Mapping[str, Any]) -> Decimal | None:
        """Puts what an answer has cost onto the ledger, once; returns it."""
        usage, cost = bill_of(message, self.prices, batch=False, at=attempt.started_at)
        record = self._cost_record(
            request,
            attempt,
            "rescue" if attempt.is_rescue else "answer",
            model=str(message["model"]),
            requests=1,
            tokens=usage.tokens() | {"web_search": usage.web_searches},
            cost_micro_usd=cost.micro_usd if cost else None,
            standard_micro_usd=cost.standard_micro_usd if cost else None,
            price_version=cost.price_version if cost else None,
        )
        self.ledger.record([record], now=self.clock())
        count("UnpricedModels", int(cost is None))
        return cost.micro_usd if cost else None

    def _failed(self, request: RealtimeRequest, attempt: Attempt, reason: str, size: int) -> bool:
        return self._end(request, attempt, Outcome.FAILED, reason, size, Decimal(0))

    def _end(
        self,
        request: RealtimeRequest,
        attempt: Attempt,
        outcome: Outcome,
        reason: str,
        size: int,
        cost: Decimal | None,
    ) -> bool:
        ending = Ending(
            key=request.key,
            segment=None,
            outcome=outcome,
            reason=reason,
            answer_key=_answer_key(request, attempt),
            answer_from=0,
            answer_to=size,
            cost_micro_usd=cost,
            deadline=attempt.deadline,
        )
        seconds("RealtimeAnswerSeconds", self.waited(attempt))
        return self._finish(request, ending, lane=attempt.lane, attempt=attempt)

    def _finish(self, request: RealtimeRequest, ending: Ending, *, lane: str, attempt: Attempt | None = None) -> bool:
        """Writes the end and tells of it, as a repeat will by the row; where another end stands, of that one; of none
        while the batch goes on."""
        now = self.clock()
        if self.requests.finish_many([ending], now=now) != [True]:
            if attempt is not None:
                self.requests.end_lease(request.key, attempt=attempt.number)
            row = self.requests.get(request.key)
            return row is None or not is_over(row) or "forgotten_at" in row or self.announce(request, row)
        count("DeadlinesMissed", int(ending.deadline < moments.to_text(now)))
        count("RequestsSucceeded" if ending.outcome is Outcome.SUCCEEDED else "RequestsFailed")
        row = ending_fields(ending, now) | {
            "request_key": request.key,
            "workload": request.workload,
            "lane": lane,
        }
        return self.announce(request, row)

    def waited(self, attempt: Attempt) -> float:
        """Since the request was accepted, in seconds."""
        return (self.clock() - moments.from_text(attempt.accepted_at)).total_seconds()

    def _cost_record(self, request: RealtimeRequest, attempt: Attempt, kind: str, **billed: Any) -> LedgerRow:
        unknown: dict[str, Any] = {
            "model": request.model,
            "requests": 1,
            "tokens": {},
            "cost_micro_usd": None,
            "standard_micro_usd": None,
            "price_version": None,
        }
        return LedgerRow(
            workload=request.workload,
            day=moments.day_of(attempt.started_at),
            entry=f"realtime#{request.key}#{attempt.number}" + ("#unseen" if kind == "possible_duplicate" else ""),
            lane=Lane.REALTIME,
            kind=kind,
            seconds=Decimal(str(round(self.waited(attempt), 3))),
            **(unknown | billed),
        )


def is_near(deadline: str, until: datetime) -> bool:
    """Whether somebody should know by now of a deadline, if nothing happens until then."""
    return deadline <= moments.to_text(until + REPORT_BEFORE)


def _answer_key(request: RealtimeRequest, attempt: Attempt) -> str:
    day = moments.day_of(attempt.started_at)
    return result_key(request.workload, day, f"realtime-{request.key}-{attempt.number}")
