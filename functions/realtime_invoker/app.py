"""Step 2: urgent requests answered within seconds. Triggered by RealtimeQueue."""

import random
from typing import Any

from lanekeeper import clock, connections, dynamo, secret
from lanekeeper.batches_table import BatchesTable
from lanekeeper.events import CompletionBus
from lanekeeper.lanes import LaneBreaker
from lanekeeper.ledger import Ledger
from lanekeeper.models import Lane
from lanekeeper.pricing import standard_prices
from lanekeeper.queues import Queue, messages_of, partial_failures
from lanekeeper.records import seconds_left
from lanekeeper.registry import deployed_registry
from lanekeeper.requests_table import RequestsTable
from lanekeeper.settings import RealtimeInvokerSettings, load
from lanekeeper.spool import Spool
from lanekeeper.telemetry import logger, metrics

from .answer import Answer
from .finish import Finish
from .held import Held


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    answer = _answer(load(RealtimeInvokerSettings))
    failed = answer(messages_of(event), seconds_left=seconds_left(context))
    return partial_failures(failed)


def _answer(settings: RealtimeInvokerSettings) -> Answer:
    requests = RequestsTable(dynamo.client(), settings.requests_table)
    batches = BatchesTable(dynamo.client(), settings.batches_table)
    queue = Queue(connections.sqs(), settings.realtime_queue_url)
    finish = Finish(
        requests=requests,
        ledger=Ledger(dynamo.client(), settings.ledger_table),
        spool=Spool(connections.s3(), settings.content_bucket),
        bus=CompletionBus(connections.eventbridge(), settings.completion_bus),
        prices=standard_prices(),
        registry=deployed_registry(),
        clock=clock.now,
    )
    return Answer(
        requests=requests,
        lane=LaneBreaker(batches=batches, lane=Lane.REALTIME, clock=clock.now),
        claude=secret.connected(settings.claude_secret_arn, settings.claude_url),
        queue=queue,
        dead_letter_queue=Queue(connections.sqs(), settings.realtime_dead_letter_queue_url),
        finish=finish,
        held=Held(requests=requests, queue=queue, finish=finish, clock=clock.now, jitter=random.random),
        clock=clock.now,
        jitter=random.random,
    )
