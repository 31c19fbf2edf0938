"""Step 3: waiting segments into batches, batches to Claude. Triggered by wake-ups on BatchQueue."""

import json
import os
from datetime import timedelta
from typing import Any

from aws_lambda_powertools.utilities.batch import process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from lanekeeper import clock, connections, dynamo, secret
from lanekeeper.advance import Advance
from lanekeeper.batches_table import BatchesTable
from lanekeeper.lanes import LaneBreaker
from lanekeeper.models import Lane
from lanekeeper.queues import Message, Queue
from lanekeeper.records import ComeBackError, Records, seconds_left
from lanekeeper.requests_table import RequestsTable
from lanekeeper.settings import BatchSubmitterSettings, load
from lanekeeper.spool import Spool
from lanekeeper.telemetry import logger, metrics

from .seal import Seal

processor = Records()


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> Any:
    settings = load(BatchSubmitterSettings)
    queue, seal = Queue(connections.sqs(), settings.batch_queue_url), _seal(settings)

    def look(record: SQSRecord) -> None:
        message = Message.of(record.raw_event)
        wake_up = json.loads(message.body)
        wait = seal(wake_up["class_id"], wake_up["segment"], now=clock.now(), seconds_left=seconds_left(context))
        if wait is not None:
            queue.delay(message, wait)
            raise ComeBackError

    return process_partial_response(event=event, record_handler=look, processor=processor, context=context)


def _seal(settings: BatchSubmitterSettings) -> Seal:
    batches = BatchesTable(dynamo.client(), settings.batches_table)
    advance = Advance(
        batches=batches,
        requests=RequestsTable(dynamo.client(), settings.requests_table),
        spool=Spool(connections.s3(), settings.content_bucket),
        claude=secret.connected(settings.claude_secret_arn, settings.claude_url),
        lane=LaneBreaker(batches=batches, lane=Lane.BATCH, clock=clock.now),
        clock=clock.now,
        settle_after=timedelta(seconds=settings.settle_seconds),
        max_waiting=settings.max_waiting_requests,
    )
    window = timedelta(seconds=settings.batch_window_seconds)
    return Seal(batches=batches, advance=advance, window=window, entropy=os.urandom)
