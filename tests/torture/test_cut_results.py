"""A download of results that ends at any byte, however HTTP dresses it, commits nothing; only the whole set commits.

Every download is a real one, from the emulator's socket through the SDK into the collector's Store. By default a sample
of the bytes is tried, with both neighbours of each row's end; `TORTURE=full` tries every byte (about three minutes).
"""

import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, get_args

import pytest
from botocore.response import StreamingBody

from functions.collector.salvage import Salvage
from functions.collector.store import Store
from functions.collector.tally import Tally
from lanekeeper.claude import Claude, connect
from lanekeeper.errors import ClaudeError
from lanekeeper.models import Batch, BatchState, ClaudeBatch, Member
from lanekeeper.pricing import standard_prices
from lanekeeper.quarantine import Inspection, OddResultsError, history_of
from lanekeeper.spool import Spool, index_key
from local.emulator.clock import ManualClock
from local.emulator.downloads import Ending, LineFault
from local.emulator.faults import Fault
from local.emulator.limits import Limits
from local.emulator.server import Emulator, serve
from local.emulator.world import World
from tests.system import params

ROWS = 20
SEGMENT = "01K0000000000000000000CUTS"
NOW = "2026-11-23T10:00:00.000Z"
FULL = os.environ.get("TORTURE") == "full"
STEP = 1 if FULL else 40  # bytes between two cuts
UNDISTURBED_EVERY = 50 if FULL else 10  # cuts between two downloads that nothing disturbs
# From which byte on a cut download is whole, counted from its end: the last newline says nothing, a chunk that was
# announced too long never ends. Of the first three HTTP tells the client nothing: our own count alone stands.
WHOLE_FROM: dict[Ending, int | None] = {
    "clean": 1,
    "connection_close": 1,
    "length_too_short": 1,
    "length_too_long": 0,
    "broken_chunk": None,
}
UNTOLD: tuple[Ending, ...] = ("clean", "connection_close", "length_too_short")


class InOrder(Random):
    """Rows come in the same order at each download, so that a byte's number names the same byte."""

    def sample(self, population: Any, k: int, **_: Any) -> list[Any]:
        return list(population)[:k]


@dataclass
class Bucket:
    """S3, as far as a Store uses it: an upload is there once it is completed, and not before."""

    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, list[bytes]] = field(default_factory=dict)

    def get_object(self, **call: Any) -> dict[str, Any]:
        body = self.objects[call["Key"]]
        return {"Body": StreamingBody(io.BytesIO(body), len(body))}

    def create_multipart_upload(self, **call: Any) -> dict[str, str]:
        self.uploads[call["Key"]] = []
        return {"UploadId": call["Key"]}

    def upload_part(self, **call: Any) -> dict[str, str]:
        self.uploads[call["UploadId"]].append(call["Body"])
        return {"ETag": ""}

    def complete_multipart_upload(self, **call: Any) -> dict[str, str]:
        self.objects[call["Key"]] = b"".join(self.uploads.pop(call["UploadId"]))
        return {}

    def abort_multipart_upload(self, **call: Any) -> None:
        del self.uploads[call["UploadId"]]


@dataclass
class Moves:
    """The batches table, as far as a Store uses it."""

    made: list[dict[str, Any]] = field(default_factory=list)

    def stored(self, batch: Batch, fields: dict[str, Any]) -> bool:  # noqa: ARG002 - the table's own signature
        self.made.append(fields)
        return True


@dataclass(frozen=True, kw_only=True)
class Downloader(Claude):
    """Has looked at the batch already: a download is one call, not two."""

    looked_at: ClaudeBatch

    def retrieve(self, batch_id: str) -> ClaudeBatch:  # noqa: ARG002 - the same
        return self.looked_at


@dataclass
class Bench:
    """One ended batch at Claude, and a Store of ours that fetches it."""

    emulator: Emulator
    claude: Claude
    batch: Batch
    body: bytes  # what an undisturbed download says

    def fetch(self, **fault: Any) -> list[str] | None:
        """One download, under this fault or none: the custom_ids committed, or None. What is not, leaves nothing."""
        if fault:
            self.emulator.world.faults.queue(Fault(route="results", **fault))
        bucket, moves = Bucket({index_key(SEGMENT): INDEX}), Moves()
        spool, prices = Spool(bucket, "content"), standard_prices()
        store = Store(
            batches=moves,
            spool=spool,
            claude=self.claude,
            prices=prices,
            entropy=lambda size: b"\0" * size,
            salvage=Salvage(spool=spool, claude=self.claude, prices=prices),
        )
        try:
            store(self.batch, history_of({}), renew=lambda: None, now=datetime(2026, 11, 23, 10, tzinfo=UTC))
        except (ClaudeError, OddResultsError):
            assert (moves.made, list(bucket.objects), bucket.uploads) == ([], [index_key(SEGMENT)], {})
            return None
        (fields,) = moves.made
        return [json.loads(line)["custom_id"] for line in bucket.objects[fields["stored"]["key"]].splitlines()]

    def is_whole(self, committed: list[str] | None) -> bool:
        return sorted(committed or []) == sorted(CUSTOM_IDS)


CUSTOM_IDS = [f"{SEGMENT}_{number}" for number in range(ROWS)]
INDEX = b"".join(
    json.dumps(
        {
            "id": f"request-{number}",
            "workload": "articles",
            "key": f"key-{number}",
            "content_hash": "",
            "model": "claude-sonnet-4-6",
            "deadline": NOW,
            "metadata": {},
            "round": 0,
            "start": 0,
            "end": 0,
        }
    ).encode()
    + b"\n"
    for number in range(ROWS)
)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    limits = Limits(batch_calls_per_minute=10**9)
    with serve(World(clock=ManualClock(), random=InOrder(1), limits=limits)) as emulator:
        yield _bench(emulator)


def _bench(emulator: Emulator) -> Bench:
    """Rows of every kind: short ones are no safer than long ones."""
    world = emulator.world
    for outcome in ("expired", "errored", "canceled"):
        world.faults.queue(Fault(route="batch_rows", outcome=outcome, count=3))
    asked = [{"custom_id": name, "params": params(name, max_tokens=8)} for name in CUSTOM_IDS]
    created = world.create_batch({"requests": asked})
    world.clock.advance(3600)
    body = b"".join(world.batch_results(created.id))
    assert len(created.counts) == 4
    batch = Batch(
        id="01K0000000000000000000BATCH",
        class_id="articles.24h",
        workload="articles",
        state=BatchState.ENDED,
        members=(Member(SEGMENT, 0, ROWS, 0, 1),),
        count=ROWS,
        size=1,
        deadline=NOW,
        sealed_at=NOW,
        next_action_at=NOW,
        claude_id=created.id,
        ended_at=NOW,
    )
    client = connect("sk-test", emulator.url)
    return Bench(emulator, Downloader(client=client, looked_at=Claude(client).retrieve(created.id)), batch, body)


def row_ends(body: bytes) -> list[int]:
    """The places right behind each newline."""
    return [place + 1 for place, byte in enumerate(body) if byte == ord("\n")]


def places(body: bytes) -> list[int]:
    near_ends = {end + step for end in row_ends(body) for step in (-2, -1, 0, 1)}
    return sorted({*range(0, len(body) + 1, STEP), *near_ends} & {*range(len(body) + 1)})


@pytest.mark.parametrize("ending", get_args(Ending))
def test_a_download_cut_at_any_byte_commits_the_whole_set_or_nothing(bench: Bench, ending: Ending) -> None:
    left_over = WHOLE_FROM[ending]
    for number, place in enumerate(places(bench.body)):
        committed = bench.fetch(fault="cut", at_byte=place, ending=ending)
        if left_over is not None and len(bench.body) - place <= left_over:
            assert bench.is_whole(committed), place
        else:
            assert committed is None, place
        if number % UNDISTURBED_EVERY == 0:
            assert bench.is_whole(bench.fetch()), place


@pytest.mark.parametrize("ending", get_args(Ending))
@pytest.mark.parametrize("rows", range(ROWS))
def test_a_download_that_ends_after_whole_rows_commits_nothing(bench: Bench, rows: int, ending: Ending) -> None:
    assert bench.fetch(fault="cut", rows=rows, ending=ending) is None
    assert bench.is_whole(bench.fetch())


@pytest.mark.parametrize("fault", get_args(LineFault))
@pytest.mark.parametrize("rows", [1, 2, ROWS - 1, ROWS])
def test_a_download_with_a_spoiled_row_commits_nothing(bench: Bench, fault: LineFault, rows: int) -> None:
    assert bench.fetch(fault=fault, rows=rows) is None
    assert bench.is_whole(bench.fetch())


@pytest.mark.parametrize("ending", UNTOLD)
def test_without_our_own_count_a_set_cut_at_a_rows_end_would_be_committed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, ending: Ending
) -> None:
    """What the tests above are worth: HTTP tells of none of these cuts, and each would be committed."""
    monkeypatch.setattr(Inspection, "finish", lambda _: None)
    monkeypatch.setattr(Tally, "differs_by", lambda *_: 0)
    for rows, end in enumerate(row_ends(bench.body), start=1):
        assert len(bench.fetch(fault="cut", at_byte=end, ending=ending) or []) == rows
