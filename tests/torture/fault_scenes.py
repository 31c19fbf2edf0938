"""What each fault costs: 20 requests through the real handlers, one fault, and then nobody helps.

`make fault-table` prints it. A row is clean where Claude billed 20 requests, 20 answers can be read by a consumer, no
batch at Claude is unknown to us, and the ledger says to the micro-dollar what Claude billed. After the fault only what
AWS does by itself goes on: messages come again and the schedule fires.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lanekeeper import connections, dynamo
from lanekeeper.claude import Claude
from tests.deployed import deployed
from tests.system import CONSUMERS, Killed, System, params

REQUESTS = 20
BATCH_MINUTES = (6, 6)  # longer than four polls
PATIENCE_MINUTES = 240  # by then nothing more will happen by itself
LONG_PROMPT = [{"type": "text", "text": "Be brief. " * 1000, "cache_control": {"type": "ephemeral"}}]


@dataclass(frozen=True, slots=True)
class Scene:
    """One fault; `happen` asks the 20 requests and lets it come. `kills` is how many handlers die of it."""

    fault: str
    happen: Callable[[System], None]
    kills: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One row of the table. Costs are in micro-dollars; `reported` is None where the ledger does not know."""

    fault: str
    billed: int
    kept: int
    orphans: int
    reported: Decimal | None
    owed: Decimal
    struck: bool  # the fault came to pass: a row without it proves nothing

    @property
    def is_clean(self) -> bool:
        counts = (self.billed, self.kept, self.orphans)
        return self.struck and counts == (REQUESTS, REQUESTS, 0) and self.reported == self.owed


# --- the faults -----------------------------------------------------------------------------------------------------


def connection_dropped(system: System) -> None:
    system.fault(route="create", fault="drop_after_accept")
    ask(system)


def answered_500(system: System) -> None:
    system.fault(route="create", fault="status_after_accept", status=500)
    ask(system)


def polls_fail(status: int, count: int) -> Callable[[System], None]:
    """The listing, by which we poll, and the look at the single batch that makes up for it."""

    def happen(system: System) -> None:
        ask(system)
        pass_minute(system)
        for route in ("list", "retrieve"):
            system.fault(route=route, fault="status", status=status, count=count)

    return happen


def rows_expired(system: System) -> None:
    system.fault(route="batch_rows", outcome="expired", count=REQUESTS * 3 // 10)
    ask(system)


def killed_in_flight(system: System) -> None:
    """Each process that has the batch in hand: at a poll, at the poll that finds it ended, in the download."""
    ask(system)
    pass_minute(system)
    system.crash(dynamo.client(), "dynamodb.Query")
    system.crash(dynamo.client(), "dynamodb.UpdateItem")
    system.crash(connections.s3(), "s3.UploadPart")


def killed_before_it_was_recorded(system: System) -> None:
    create = Claude.create

    def die(*arguments: Any, **named: Any) -> None:
        create(*arguments, **named)
        system.monkeypatch.setattr(Claude, "create", create)
        raise Killed("create")

    system.monkeypatch.setattr(Claude, "create", die)
    ask(system)


def many_prices(system: System) -> None:
    """Both lanes, several models, prompts that are cached: nothing goes wrong, and the bill has to be right."""
    models = ("claude-sonnet-4-6", "claude-opus-5-5", "claude-haiku-4-5-20251001")
    for number in range(REQUESTS):
        cached = {"system": LONG_PROMPT} if number % 2 else {}
        asked = params(f"Number {number}.", model=models[number % len(models)], **cached)
        urgent = {"workload": "live-chat", "priority": "high"} if number % 4 == 0 else {}
        system.ask(params=asked, **urgent)


SCENES = (
    Scene("create accepted, connection dropped", connection_dropped),
    Scene("create accepted, 500 answered", answered_500),
    Scene("one poll answers 404", polls_fail(404, 1)),
    Scene("four polls answer 500", polls_fail(500, 4)),
    Scene("30 % of the rows expired", rows_expired),
    Scene("killed in flight, run again", killed_in_flight, kills=3),
    Scene("killed between accepted and recorded, run again", killed_before_it_was_recorded, kills=1),
    Scene("none: two lanes, three models, cached prompts", many_prices),
)


# --- a run ----------------------------------------------------------------------------------------------------------


def run(scene: Scene) -> Result:
    """One fault in a deployment of its own."""
    with deployed(BATCH_MINUTES) as system:
        scene.happen(system)
        kills = 0
        for _ in range(PATIENCE_MINUTES):
            kills += pass_minute(system)
            if is_over(system):
                break
        return measured(scene, system, kills)


def ask(system: System) -> None:
    for number in range(REQUESTS):
        system.ask(params=params(f"Number {number}."))


def pass_minute(system: System) -> int:
    """What comes of itself in a minute: every message that is not done comes again, the schedule fires. Returns how
    many handlers died."""
    kills = 0
    for queue in CONSUMERS:
        system.make_visible(queue)
    for step in (system.run, system.tick):
        try:
            step()
        except Killed:
            kills += 1
    system.pass_time(60)
    system.emulator.world.clock.advance(60)
    return kills


def is_over(system: System) -> bool:
    requests = system.items("RequestsTable")
    closed = all("open_shard" not in batch for batch in system.batches())
    return closed and len(requests) == REQUESTS and all("outcome" in row for row in requests)


def measured(scene: Scene, system: System, kills: int) -> Result:
    costs = [record["cost_micro_usd"] for record in system.items("LedgerTable")]
    known = {batch.get("claude_id") for batch in system.batches()}
    return Result(
        fault=scene.fault,
        billed=system.executed(),
        kept=len(set(kept(system))),
        orphans=sum(batch.id not in known for batch in system.emulator.world.list_batches().batches),
        reported=None if None in costs else sum(costs, Decimal(0)),
        owed=system.billed(),
        struck=kills == scene.kills and not system.emulator.world.faults.waiting,
    )


def kept(system: System) -> Iterator[tuple[str, str]]:
    """The requests whose answer a consumer can read."""
    for row in system.items("RequestsTable"):
        with suppress(KeyError):
            line = system.answer(row)
            if row["outcome"] == line["result"]["type"] == "succeeded":
                yield line["workload"], line["id"]
