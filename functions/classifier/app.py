"""Step 1: every request into its lane. Triggered by RequestQueue."""

import os
from datetime import timedelta
from typing import Any

from lanekeeper import clock, connections, dynamo
from lanekeeper.batches_table import BatchesTable
from lanekeeper.events import CompletionBus
from lanekeeper.pricing import standard_prices
from lanekeeper.queues import Queue, messages_of, partial_failures
from lanekeeper.records import seconds_left
from lanekeeper.registry import deployed_registry
from lanekeeper.requests_table import RequestsTable
from lanekeeper.settings import ClassifierSettings, load
from lanekeeper.spool import Spool
from lanekeeper.telemetry import logger, metrics

from .accept import Accept
from .give_up import GiveUp
from .read import Read
from .reject import Reject


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    accept = _accept(load(ClassifierSettings))
    failed = accept(messages_of(event), now=clock.now(), seconds_left=seconds_left(context))
    return partial_failures(failed)


def _accept(settings: ClassifierSettings) -> Accept:
    dynamodb = dynamo.client()
    requests, registry = RequestsTable(dynamodb, settings.requests_table), deployed_registry()
    spool = Spool(connections.s3(), settings.content_bucket)
    bus = CompletionBus(connections.eventbridge(), settings.completion_bus)
    return Accept(
        read=Read(stage=settings.stage, registry=registry, prices=standard_prices(), spool=spool),
        give_up=GiveUp(requests=requests, spool=spool, bus=bus, registry=registry),
        reject=Reject(spool=spool, queue=Queue(connections.sqs(), settings.rejected_queue_url), bus=bus),
        registry=registry,
        window=timedelta(seconds=settings.batch_window_seconds),
        margin=timedelta(seconds=settings.rescue_margin_seconds),
        requests=requests,
        batches=BatchesTable(dynamodb, settings.batches_table),
        spool=spool,
        realtime_queue=Queue(connections.sqs(), settings.realtime_queue_url),
        batch_queue=Queue(connections.sqs(), settings.batch_queue_url),
        bus=bus,
        entropy=os.urandom,
    )
