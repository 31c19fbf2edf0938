"""The odd lines of a batch in quarantine: kept in S3 for whoever looks into it, and counted in its row."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lanekeeper import moments
from lanekeeper.dynamo import Item
from lanekeeper.identity import ulid
from lanekeeper.models import Batch
from lanekeeper.quarantine import History, Inspection, odd_numbers, quarantine_fields
from lanekeeper.spool import Spool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """Writes the lines first and then, by the row that it returns, where they are."""

    spool: Spool
    entropy: Callable[[int], bytes]

    def __call__(self, batch: Batch, history: History, inspection: Inspection, *, now: datetime) -> Item:
        """`quarantine` as a batch's row has it. The same numbers as before keep the object that stands."""
        numbers, known = quarantine_fields(inspection), history.quarantine or {}
        if known and numbers == odd_numbers(known) | {"usable": known["usable"]}:
            return dict(known)
        key = f"quarantine/{batch.id}/{ulid(now, self.entropy(10))}.jsonl"
        self.spool.put(key, b"".join(line + b"\n" for line in inspection.lines))
        return {**numbers, "object": key, "since": known.get("since", moments.to_text(now))}
