"""Segments and batches as DynamoDB items, and back."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from lanekeeper import moments
from lanekeeper.models import Batch, BatchState, Member, Segment, SegmentState

SHARDS = 4  # of the index `open`: it is read whole at each tick, so few; one takes 1,000 writes a second
KEEP = timedelta(days=45)  # as long as the request rows that point here


def batch_of(item: Mapping[str, Any]) -> Batch:
    """The record of a batch's row."""
    known: dict[str, Any] = {name: item.get(name) for name in Batch.__dataclass_fields__ if name in item}
    known |= {
        "id": str(item["item_id"]).removeprefix("batch#"),
        "state": BatchState(item["state"]),
        "members": tuple(_member_of(member) for member in item["members"]),
        "count": int(item["count"]),
        "size": int(item["size"]),
    }
    return Batch(**{"next_action_at": "", **known})


def batch_item(batch: Batch) -> dict[str, Any]:
    item = {name: value for name, value in asdict(batch).items() if value is not None and name != "id"}
    return item | {
        "item_id": f"batch#{batch.id}",
        **contents(batch),
        "open_shard": shard_of("batch", batch.id),
        "expires_at": expiry(moments.from_text(batch.sealed_at)),
    }


def contents(batch: Batch) -> dict[str, Any]:
    """The fields that say what a batch holds."""
    return {
        "members": [asdict(member) for member in batch.members],
        "count": batch.count,
        "size": batch.size,
    }


def _member_of(item: Mapping[str, Any]) -> Member:
    return Member(item["segment"], *(int(item[name]) for name in ("first", "last", "start", "end")))


def segment_of(item: Mapping[str, Any]) -> Segment:
    """The record of a segment's row."""
    known = {name: item[name] for name in Segment.__dataclass_fields__ if name in item}
    known |= {name: int(item[name]) for name in ("count", "size")}
    return Segment(**known | {"id": item["item_id"].removeprefix("segment#"), "state": SegmentState(item["state"])})


def segment_item(segment: Segment, look_at: datetime) -> dict[str, Any]:
    item = {name: value for name, value in asdict(segment).items() if value is not None and name != "id"}
    return item | {
        "item_id": f"segment#{segment.id}",
        "open_shard": shard_of("segment", segment.class_id),
        "next_action_at": moments.to_text(look_at),
        "expires_at": expiry(moments.from_text(segment.created_at)),
    }


def shard_of(kind: str, name: str) -> str:
    return f"{kind}#{crc32(name.encode()) % SHARDS}"


def expiry(moment: datetime) -> int:
    return int((moment + KEEP).timestamp())
