"""Once a day: that every request is in one place, every Claude batch ours, and the ledger right. It changes nothing.

Triggered by a schedule of its own.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from lanekeeper import clock, connections, dynamo, secret
from lanekeeper.audit_reading import Reading
from lanekeeper.auditor import Auditor
from lanekeeper.pricing import standard_prices
from lanekeeper.records import seconds_left
from lanekeeper.settings import AuditorSettings, load
from lanekeeper.spool import Spool
from lanekeeper.telemetry import logger, metrics

from .tell import tell

BACK = timedelta(hours=25)  # a day, and an hour for an audit that comes late


@metrics.log_metrics
@logger.inject_lambda_context
def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    return tell(_auditor(load(AuditorSettings), seconds_left(context))())


def _auditor(settings: AuditorSettings, left: Callable[[], float]) -> Auditor:
    now = clock.now()
    claude = secret.connected(settings.claude_secret_arn, settings.claude_url)
    return Auditor(
        reading=Reading(
            dynamodb=dynamo.client(),
            requests_table=settings.requests_table,
            batches_table=settings.batches_table,
            ledger_table=settings.ledger_table,
            spool=Spool(connections.s3(), settings.content_bucket),
            sqs=connections.sqs(),
            realtime_queues=(
                settings.request_queue_url,
                settings.request_dead_letter_queue_url,
                settings.realtime_queue_url,
                settings.realtime_dead_letter_queue_url,
            ),
            prices=standard_prices(),
            sleep=time.sleep,
        ),
        listing=lambda: claude.listed(),
        now=now,
        since=now - BACK,
        seconds_left=left,
    )
