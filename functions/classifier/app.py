"""Step 1: every request into its lane. Triggered by RequestQueue."""

import os
from datetime import timedelta
from typing import Any

from lanekeeper import clock, connections, dynamo
from lanekeeper.batches_table import BatchesTable
from lanekeeper.events import CompletionBus
from lanekeeper.queues import Queue, messages_of, partial_failures
from lanekeeper.registry import deployed_registry
from lanekeeper.requests_table import RequestsTable
from lanekeeper.settings import ClassifierSettings, load
from lanekeeper.spool import Spool
from lanekeeper.telemetry import logger, metrics

from .accept import Accept
from .reject import Reject


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    failed = _accept(load(ClassifierSettings))(messages_of(event), now=clock.now())
    return partial_failures(failed)


def _accept(settings: ClassifierSettings) -> Accept:
    dynamodb = dynamo.client()
    spool = Spool(connections.s3(), settings.content_bucket)
    bus = CompletionBus(connections.eventbridge(), settings.completion_bus)
    return Accept(
        stage=settings.stage,
        registry=deployed_registry(),
        window=timedelta(seconds=settings.batch_window_seconds),
        requests=RequestsTable(dynamodb, settings.requests_table),
        batches=BatchesTable(dynamodb, settings.batches_table),
        spool=spool,
        realtime_queue=Queue(connections.sqs(), settings.realtime_queue_url),
        batch_queue=Queue(connections.sqs(), settings.batch_queue_url),
        bus=bus,
        reject=Reject(spool=spool, queue=Queue(connections.sqs(), settings.rejected_queue_url), bus=bus),
        entropy=os.urandom,
    )
