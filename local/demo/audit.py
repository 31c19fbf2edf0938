"""The demo's last question: does the whole of it, looked at from the tables, have a gap?"""

from datetime import UTC, datetime, timedelta

from lanekeeper.audit import Report
from lanekeeper.audit_reading import reading_of
from lanekeeper.auditor import Auditor
from lanekeeper.claude import Claude, connect
from local.stack import Stack, place, session

# Nothing of a demo is older than the minutes that an audit allows for what is in flight, and Claude's clock runs ahead.
LATER = timedelta(hours=12)
BACK = timedelta(days=2)


def audited(stack: Stack, *, with_claude: bool) -> Report:
    """As an audit would find it half a day later. Another's Claude is left out: its batches are not all ours."""
    secret = stack.client("secretsmanager").get_secret_value(SecretId=stack.outputs["ClaudeSecretArn"])
    claude = Claude(connect(secret["SecretString"], stack.outputs["ClaudeUrl"]))
    now = datetime.now(UTC) + LATER
    return Auditor(
        reading=reading_of(session(), stack.outputs.__getitem__, **place(stack.ministack)),
        listing=(lambda: claude.listed()) if with_claude else None,
        now=now,
        since=now - BACK,
        seconds_left=lambda: float("inf"),
    )()


def sentences(report: Report) -> list[str]:
    """What is wrong, a sentence each."""
    gaps = [f"audit: {gap.kind.value} {gap.id} ({gap.detail})" for gap in report.gaps]
    return [*gaps, *([f"audit: {report.unfinished}"] if report.unfinished else [])]
