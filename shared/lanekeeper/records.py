"""The boundary around one record of an SQS event: what fails there is logged, comes again, and hurts no neighbour."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.batch.base import FailureResponse

from lanekeeper.errors import LanekeeperError
from lanekeeper.telemetry import logger


class ComeBackError(LanekeeperError):
    """Nothing is wrong: this message is to come again later."""


class Records(BatchProcessor):
    """Powertools' batch processor, which says what failed. Error texts are left out: they may quote a record."""

    def __init__(self) -> None:
        super().__init__(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    def failure_handler(self, record: Any, exception: Any) -> FailureResponse:
        kind = exception[0]
        if kind is not ComeBackError:
            logger.error("record failed", action="record-failed", error=kind.__name__, message_id=record.message_id)
        return super().failure_handler(record, exception)


def seconds_left(context: Any) -> Callable[[], float]:
    """How much of this invocation's time remains, whenever it is asked."""
    return lambda: float(context.get_remaining_time_in_millis()) / 1000
