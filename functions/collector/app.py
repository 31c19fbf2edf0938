"""Step 5: the results of one ended batch, stored whole, then their effects. Triggered by CollectQueue."""

import json
import os
from datetime import timedelta
from typing import Any

from aws_lambda_powertools.utilities.batch import process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from lanekeeper import clock, connections, dynamo, secret
from lanekeeper.batches_table import BatchesTable
from lanekeeper.events import CompletionBus
from lanekeeper.ledger import Ledger
from lanekeeper.pricing import standard_prices
from lanekeeper.queues import Queue
from lanekeeper.records import Records, seconds_left
from lanekeeper.registry import deployed_registry
from lanekeeper.requests_table import RequestsTable
from lanekeeper.settings import CollectorSettings, load
from lanekeeper.spool import Spool
from lanekeeper.telemetry import logger, metrics

from .collect import Collect
from .effects import Effects
from .rebuffer import Rebuffer
from .salvage import Salvage
from .set_aside import SetAside
from .store import Store
from .unsent import Unsent
from .untold import Untold

processor = Records()


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> Any:
    collect = _collect(load(CollectorSettings))

    def one(record: SQSRecord) -> None:
        collect(json.loads(record.body)["batch"], seconds_left=seconds_left(context))

    return process_partial_response(event=event, record_handler=one, processor=processor, context=context)


def _collect(settings: CollectorSettings) -> Collect:
    dynamodb = dynamo.client()
    batches = BatchesTable(dynamodb, settings.batches_table)
    requests = RequestsTable(dynamodb, settings.requests_table)
    spool = Spool(connections.s3(), settings.content_bucket)
    prices = standard_prices()
    claude = secret.connected(settings.claude_secret_arn, settings.claude_url)
    margin = timedelta(seconds=settings.rescue_margin_seconds)
    bus, registry = CompletionBus(connections.eventbridge(), settings.completion_bus), deployed_registry()
    return Collect(
        batches=batches,
        clock=clock.now,
        store=Store(
            batches=batches,
            spool=spool,
            claude=claude,
            prices=prices,
            entropy=os.urandom,
            salvage=Salvage(spool=spool, claude=claude, prices=prices),
        ),
        set_aside=SetAside(spool=spool, entropy=os.urandom),
        effects=Effects(
            batches=batches,
            requests=requests,
            ledger=Ledger(dynamodb, settings.ledger_table),
            spool=spool,
            bus=bus,
            prices=prices,
            registry=registry,
            rebuffer=Rebuffer(
                batches=batches,
                requests=requests,
                spool=spool,
                batch_queue=Queue(connections.sqs(), settings.batch_queue_url),
                window=timedelta(seconds=settings.batch_window_seconds),
                margin=margin,
            ),
            unsent=Unsent(batches=batches, requests=requests, registry=registry, margin=margin),
            untold=Untold(requests=requests, bus=bus, registry=registry, bucket=settings.content_bucket),
        ),
    )
