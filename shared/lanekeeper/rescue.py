"""Deadlines inside the batch lane: which requests are due for a rescue, a report or their end, and when to look again.

Every request of a batch or waiting segment passes the same steps in the order of its deadline. A cursor per step says
how far that step has been done; it moves after the deeds, so whatever a crash leaves undone is found again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from lanekeeper import moments
from lanekeeper.models import Entry, Member
from lanekeeper.policy import OnLate

# A tick comes each minute and may fail once: told seven minutes ahead, it is known five minutes before.
REPORT_LEAD = timedelta(minutes=7)
NEVER = "9999-12-31T00:00:00.000Z"  # nothing is due any more
PENDING, OVER = "pending", "over"  # of a rescue: under way; failed, while the batch goes on


class Step(StrEnum):
    """What is done about a deadline that comes near."""

    RESCUE = "rescue"  # the request is sent to the real-time lane as well
    REPORT = "report"  # somebody is told that it will be late
    FAIL = "fail"  # it ends, unanswered


Cursors = Mapping[str, str]  # by step: the position of the last request that it was done for


@dataclass(frozen=True, slots=True)
class Asked:
    """One request where it lies in the batch lane."""

    segment: str
    sequence: int
    entry: Entry

    @property
    def position(self) -> str:
        """Sorts by deadline; segment and number tell equal ones apart."""
        return f"{self.entry.deadline}|{self.segment}|{self.sequence:06}"


def leads(on_late: OnLate, *, margin: timedelta) -> dict[Step, timedelta]:
    """The steps of a workload, and how long before the deadline each is due."""
    match on_late:
        case OnLate.RESCUE:
            return {Step.RESCUE: margin, Step.REPORT: REPORT_LEAD}
        case OnLate.WAIT:
            return {Step.REPORT: REPORT_LEAD}
        case OnLate.FAIL:
            return {Step.REPORT: REPORT_LEAD, Step.FAIL: timedelta(0)}


def first_look(deadline: str, steps: Mapping[Step, timedelta]) -> str:
    """When the first step is due for the earliest deadline."""
    return moments.to_text(moments.from_text(deadline) - max(steps.values()))


def asked_of(members: Iterable[Member], indexes: Mapping[str, Sequence[Entry]]) -> list[Asked]:
    """The requests of these ranges, the earliest deadline first."""
    asked = [
        Asked(member.segment, sequence, indexes[member.segment][sequence])
        for member in members
        for sequence in range(member.first, member.last)
    ]
    return sorted(asked, key=lambda one: one.position)


def due(asked: Sequence[Asked], *, after: str, until: str, most: int) -> list[Asked]:
    """The next requests behind the cursor whose deadline is not after `until`, at most so many."""
    found = (one for one in asked if one.position > after and one.entry.deadline <= until)
    return [one for one, _ in zip(found, range(most), strict=False)]


def next_look(asked: Sequence[Asked], steps: Mapping[Step, timedelta], cursors: Cursors) -> str:
    """When the next step of any request is due; NEVER where all are done."""
    moments_due = [
        moments.to_text(moments.from_text(one.entry.deadline) - lead)
        for step, lead in steps.items()
        if (one := next((one for one in asked if one.position > cursors.get(step, "")), None))
    ]
    return min(moments_due, default=NEVER)


def is_over(row: Mapping[str, object]) -> bool:
    """Whether a request has its end."""
    return "outcome" in row


def is_being_rescued(row: Mapping[str, object]) -> bool:
    return row.get("rescue") == PENDING


def is_left_to_rescue(one: Asked, row: Mapping[str, object], cursors: Cursors) -> bool:
    """Whether a request's rescue is under way and its message was surely sent. Before that its home must stay: a tick
    that died between mark and message is repeated by the next one that looks there."""
    return is_being_rescued(row) and one.position <= cursors.get(Step.RESCUE, "")
