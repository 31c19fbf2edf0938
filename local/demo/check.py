"""The demo checks itself: every request has its end, every answer is there, and three sums of money are one."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from lanekeeper.identity import request_key
from lanekeeper.models import Lane, Outcome
from lanekeeper.pricing import PriceList
from lanekeeper.results import bill_of
from local.demo.evidence import Evidence, Row, lines_of, parsed
from local.demo.traffic import Sent

SHOWN = 5  # failures of one kind that are told one by one

Part = tuple[str, str, str]  # workload, lane, model


@dataclass(slots=True)
class Sum:
    """What one model did for one workload in one lane. One unknown price makes the money unknown."""

    requests: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    cost: Decimal | None = Decimal(0)

    def add(self, requests: int, tokens: Mapping[str, Any], cost: Decimal | None) -> None:
        self.requests += requests
        self.tokens.update({kind: int(number) for kind, number in tokens.items() if number})
        self.cost = None if self.cost is None or cost is None else self.cost + cost


def failures(evidence: Evidence, prices: PriceList) -> list[str]:
    """What is wrong, a sentence each; none when all is well."""
    return [
        *_shortened(_without_end(evidence)),
        *_shortened(_without_answer(evidence)),
        *_dead_letters(evidence.dead_letters),
        *_differences(ledger_sums(evidence.ledger), result_sums(evidence.objects, prices)),
        *_disagreements(evidence),
    ]


def is_settled(sent: Sent, requests: Mapping[str, Row], rejected: Mapping[str, str]) -> bool:
    """Whether a line of the file has come to its end: refused by SQS, rejected, or its request answered."""
    if sent.message_id is None or sent.message_id in rejected:
        return True
    return "outcome" in requests.get(sent.line.key or "", {})


def ledger_sums(ledger: Sequence[Row]) -> dict[Part, Sum]:
    """The ledger by workload, lane and model, without calls whose answer nobody saw."""
    sums: dict[Part, Sum] = {}
    for row in ledger:
        if row["kind"] == "answer":
            part = sums.setdefault((row["workload"], row["lane"], row["model"]), Sum())
            part.add(int(row["requests"]), row["tokens"], row["cost_micro_usd"])
    return sums


def result_sums(objects: Mapping[str, bytes], prices: PriceList) -> dict[Part, Sum]:
    """The same from the usage in the stored answers, priced anew at the date in each object's key."""
    sums: dict[Part, Sum] = {}
    for key, body in objects.items():
        for document in lines_of(body):
            if document and document["result"]["type"] == "succeeded":
                _add_answer(sums, document, prices, _day(key))
    return sums


def total(sums: Iterable[Decimal | None]) -> Decimal | None:
    """The sum; unknown as soon as one part is."""
    known = list(sums)
    return None if None in known else sum((part for part in known if part is not None), Decimal(0))


def _add_answer(sums: dict[Part, Sum], document: Row, prices: PriceList, day: datetime) -> None:
    message, lane = document["result"]["message"], Lane.BATCH if document["batch"] else Lane.REALTIME
    usage, cost = bill_of(message, prices, batch=lane is Lane.BATCH, at=day)
    part = sums.setdefault((document["workload"], lane.value, str(message["model"])), Sum())
    tokens = usage.tokens() | {"web_search": usage.web_searches}
    part.add(1, tokens, cost.micro_usd if cost else None)


def _day(key: str) -> datetime:
    """The UTC date under which the object lies, which is the ledger's day too."""
    date = next(part.removeprefix("date=") for part in key.split("/") if part.startswith("date="))
    return datetime.fromisoformat(date).replace(tzinfo=UTC)


def _without_end(evidence: Evidence) -> Iterator[str]:
    for sent in evidence.sent:
        if not is_settled(sent, evidence.requests, evidence.rejected):
            row = evidence.requests.get(sent.line.key or "")
            where = f"still open in the {row['lane']} lane" if row else "neither recorded nor rejected"
            yield f"line {sent.line.number} has no terminal state: {where}"


def _without_answer(evidence: Evidence) -> Iterator[str]:
    lines = {sent.line.key: sent.line.number for sent in evidence.sent if sent.line.key}
    for key, row in evidence.requests.items():
        if "outcome" in row and (wrong := _what_is_wrong(row, evidence.objects)):
            yield f"the answer to line {lines.get(key, '?')} {wrong}"


def _what_is_wrong(row: Row, objects: Mapping[str, bytes]) -> str | None:
    body = objects.get(row["answer_key"])
    if body is None:
        return f"is missing: there is no {row['answer_key']}"
    answer = parsed(body[int(row["answer_from"]) : int(row["answer_to"])])
    if answer is None:
        return f"cannot be read: bytes {row['answer_from']} to {row['answer_to']} of {row['answer_key']} are no JSON"
    if request_key(answer["workload"], answer["id"]) != row["request_key"]:
        return f"is another request's: bytes {row['answer_from']} to {row['answer_to']} of {row['answer_key']}"
    succeeded = answer["result"]["type"] == "succeeded"
    return None if succeeded == (row["outcome"] == Outcome.SUCCEEDED) else f"is none of one that {row['outcome']}"


def _dead_letters(depths: Mapping[str, int]) -> Iterator[str]:
    for queue, depth in depths.items():
        if depth:
            yield f"{depth} messages lie in {queue}"


def _differences(ledger: Mapping[Part, Sum], results: Mapping[Part, Sum]) -> Iterator[str]:
    for part in sorted(ledger.keys() | results.keys()):
        booked, stored = ledger.get(part, Sum()), results.get(part, Sum())
        name = ", ".join(part)
        if (booked.requests, booked.tokens) != (stored.requests, stored.tokens):
            yield f"{name}: the ledger differs in requests or tokens from the usage in the stored answers"
        if booked.cost != stored.cost:
            yield f"{name}: the ledger says {booked.cost} micro-dollars, the stored answers come to {stored.cost}"


def _disagreements(evidence: Evidence) -> Iterator[str]:
    """Where the emulator's account differs from the ledger; unasked where somebody else answered."""
    if evidence.account is None:
        return
    sums = ledger_sums(evidence.ledger).values()
    booked, billed = total(part.cost for part in sums), Decimal(str(evidence.account["cost_micro_usd"]))
    if booked != billed:
        yield f"the ledger comes to {booked} micro-dollars, the emulator's own account to {billed}"
    requests, executed = sum(part.requests for part in sums), int(evidence.account["requests_executed"])
    if requests != executed:
        yield f"the ledger holds {requests} answers, the emulator executed {executed}"


def _shortened(sentences: Iterable[str]) -> Iterator[str]:
    told = list(sentences)
    yield from told[:SHOWN]
    if len(told) > SHOWN:
        yield f"… and {len(told) - SHOWN} more like it"
