"""The lane of a request: a pure function of request, workload and time. The first rule that fits decides."""

from datetime import datetime, timedelta

from lanekeeper.models import Decision, Lane, Priority, Request, Stage
from lanekeeper.policy import Batching, OnLate, Workload

BATCH_LATENCY = timedelta(minutes=60)  # most batches end within the hour; a latency of exactly this may batch
QUEUE_GRACE = timedelta(minutes=5)  # the wait on our own queue does not turn 60 minutes into 59

BANDS = {"2h": timedelta(hours=2), "6h": timedelta(hours=6), "24h": timedelta(hours=24)}
LATER = "later"

LATE = {
    OnLate.RESCUE: Decision(Lane.REALTIME, "late-rescued"),
    OnLate.WAIT: Decision(Lane.BATCH, "late-may-wait"),
    OnLate.FAIL: Decision(Lane.REALTIME, "late"),  # it fails before it gets there
}


def classify(request: Request, workload: Workload, *, stage: Stage, now: datetime) -> Decision:
    """Chooses the lane; the reason names the rule, and stands in the request's row."""
    if stage is Stage.DEVELOPMENT:
        return Decision(Lane.REALTIME, "development-stage")
    if workload.batch is Batching.NEVER:
        return Decision(Lane.REALTIME, "workload-never-batches")
    if request.priority is Priority.HIGH:
        return Decision(Lane.REALTIME, "priority-high")
    if is_late(request, now):
        return LATE[workload.on_late]
    if workload.batch is Batching.ALWAYS:
        return Decision(Lane.BATCH, "workload-always-batches")
    if time_left(request, now) < BATCH_LATENCY:
        return Decision(Lane.REALTIME, "deadline-too-near")
    return Decision(Lane.BATCH, "deadline-allows")


def is_late(request: Request, now: datetime) -> bool:
    """Whether the deadline has passed while the message waited with us."""
    return request.deadline <= now


def is_given_up(request: Request, workload: Workload, *, now: datetime) -> bool:
    """Whether a late request ends here, unanswered and unbilled, because its workload says so."""
    return is_late(request, now) and workload.on_late is OnLate.FAIL


def time_left(request: Request, now: datetime) -> timedelta:
    """Until the deadline, forgiving the first minutes that the message spent on our queue."""
    waited = max(now - request.sent_at, timedelta(0))
    return request.deadline - now + min(waited, QUEUE_GRACE)


def class_of(workload: str, left: timedelta) -> str:
    """Requests of one class share batches, so they share a fate: one workload, one band of time left."""
    band = next((name for name, limit in BANDS.items() if left <= limit), LATER)
    return f"{workload}.{band}"
