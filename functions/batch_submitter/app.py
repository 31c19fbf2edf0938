"""Step 3: waiting segments into batches, batches to Claude. Triggered by wake-ups on BatchQueue."""

import json
import os
from datetime import timedelta
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from lanekeeper import clock, connections, dynamo
from lanekeeper.advance import Advance
from lanekeeper.batches_table import BatchesTable
from lanekeeper.claude import Claude, connect
from lanekeeper.queues import Message, Queue
from lanekeeper.settings import BatchSubmitterSettings, load
from lanekeeper.spool import Spool
from lanekeeper.telemetry import logger, metrics

from .seal import Seal

processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


class NotRipeError(Exception):
    """The segment still waits for company: its wake-up comes again when the window is over."""


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> Any:
    settings = load(BatchSubmitterSettings)
    queue = Queue(connections.sqs(), settings.batch_queue_url)
    seal = _seal(settings)

    def look(record: SQSRecord) -> None:
        message = Message.of(record.raw_event)
        wait = seal(**json.loads(message.body), now=clock.now(), seconds_left=_seconds_left(context))
        if wait is not None:
            queue.delay(message, wait)
            raise NotRipeError

    return process_partial_response(event=event, record_handler=look, processor=processor, context=context)


def _seal(settings: BatchSubmitterSettings) -> Seal:
    batches = BatchesTable(dynamo.client(), settings.batches_table)
    advance = Advance(
        batches=batches,
        spool=Spool(connections.s3(), settings.content_bucket),
        claude=Claude(connect(connections.claude_key(settings.claude_secret_arn), settings.claude_url)),
        settle_after=timedelta(seconds=settings.settle_seconds),
    )
    window = timedelta(seconds=settings.batch_window_seconds)
    return Seal(batches=batches, advance=advance, window=window, entropy=os.urandom)


def _seconds_left(context: Any) -> float:
    return float(context.get_remaining_time_in_millis()) / 1000
