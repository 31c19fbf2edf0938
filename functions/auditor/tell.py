"""An audit's verdict as metrics and log lines: never a clean one for a part."""

from typing import Any

from lanekeeper.audit import Report
from lanekeeper.telemetry import count, logger

MOST_LINES = 20


def tell(report: Report) -> dict[str, Any]:
    """Returns what it told, for whoever invokes the function by hand."""
    if report.unfinished:
        logger.error("audit cut off", action="audit-unfinished", reason=report.unfinished)
    for gap in report.gaps[:MOST_LINES]:
        logger.error("gap", action="audit-gap", kind=gap.kind.value, id=gap.id, detail=gap.detail)
    looked_at = dict(report.looked_at)
    logger.info("audit over", action="audit-over", gaps=len(report.gaps), looked_at=looked_at, notes=len(report.notes))
    if report.gaps or not report.unfinished:
        count("AuditGaps", len(report.gaps))
    count("AuditsUnfinished" if report.unfinished else "AuditsCompleted")
    return {
        "completed": not report.unfinished,
        "gaps": {kind.value: len(gaps) for kind, gaps in report.by_kind().items()},
        "looked_at": looked_at,
    }
