"""Step 4: what stands still is moved on, what has ended goes to the collector. Triggered by the schedule."""

from datetime import timedelta
from typing import Any

from lanekeeper import clock, connections, dynamo, secret
from lanekeeper.advance import Advance
from lanekeeper.batches_table import BatchesTable
from lanekeeper.events import CompletionBus
from lanekeeper.lanes import LaneBreaker
from lanekeeper.models import Lane
from lanekeeper.queues import Queue
from lanekeeper.records import seconds_left
from lanekeeper.registry import deployed_registry
from lanekeeper.requests_table import RequestsTable
from lanekeeper.settings import PollerSettings, load
from lanekeeper.spool import Spool
from lanekeeper.telemetry import logger, metrics

from .deadlines import Deadlines
from .tick import Tick


@metrics.log_metrics
@logger.inject_lambda_context
def handler(_event: dict[str, Any], context: Any) -> dict[str, int]:
    tick = _tick(load(PollerSettings))
    return tick(now=clock.now(), seconds_left=seconds_left(context))


def _tick(settings: PollerSettings) -> Tick:
    batches = BatchesTable(dynamo.client(), settings.batches_table)
    requests = RequestsTable(dynamo.client(), settings.requests_table)
    spool = Spool(connections.s3(), settings.content_bucket)
    claude = secret.connected(settings.claude_secret_arn, settings.claude_url)
    return Tick(
        batches=batches,
        claude=claude,
        advance=Advance(
            batches=batches,
            requests=requests,
            spool=spool,
            claude=claude,
            lane=LaneBreaker(batches=batches, lane=Lane.BATCH, clock=clock.now),
            clock=clock.now,
            settle_after=timedelta(seconds=settings.settle_seconds),
            max_waiting=settings.max_waiting_requests,
        ),
        deadlines=Deadlines(
            batches=batches,
            requests=requests,
            spool=spool,
            claude=claude,
            realtime_queue=Queue(connections.sqs(), settings.realtime_queue_url),
            bus=CompletionBus(connections.eventbridge(), settings.completion_bus),
            registry=deployed_registry(),
            margin=timedelta(seconds=settings.rescue_margin_seconds),
        ),
        batch_queue=Queue(connections.sqs(), settings.batch_queue_url),
        collect_queue=Queue(connections.sqs(), settings.collect_queue_url),
    )
