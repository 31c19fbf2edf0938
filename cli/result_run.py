"""One run of `lanekeeper result`: find the rows, read the answers' bytes, print them in the order of the ids."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cli.connection import connected, understandable
from cli.conventions import Exit, Where
from cli.output import BadInputError
from cli.progress import Counter
from cli.registry_file import found_registry
from cli.result_text import show
from lanekeeper.client import Answer, Client, Outcome, Status, Ticket, TimedOutError
from lanekeeper.identity import request_key

READS_AT_ONCE = 8
UNKNOWN_SECONDS = 60.0  # with --wait: what was sent a moment ago has no row yet
LOOK_SECONDS = 2.0  # between two looks for ids that are not known
NAME_IT = "name the workload with --workload"


@dataclass(frozen=True, slots=True)
class Found:
    """One id, and what there is of it: no status where it is unknown, no answer while it is on its way."""

    id: str
    status: Status | None
    answer: Answer | None

    @property
    def exit_code(self) -> Exit:
        if self.status is None:
            return Exit.UNKNOWN
        if self.status.outcome is None:
            return Exit.NOT_YET
        has_answer = (
            self.status.outcome is Outcome.SUCCEEDED and self.answer is not None and self.answer.line is not None
        )
        return Exit.DONE if has_answer else Exit.FAILED


def run(
    ids: Sequence[str], workload: str | None, where: Where, *, wait: bool, timeout: float | None, as_json: bool
) -> Exit:
    """Prints what there is; raises BadInputError where an id is ambiguous."""
    workloads = workloads_to_search() if workload is None else [workload]
    client = connected(where)
    with understandable():
        statuses = _ended(client, ids, workloads, timeout) if wait else _statuses(client, ids, workloads)
        codes = set()
        for found in _read(client, statuses):
            show(found.id, found.status, found.answer, as_json=as_json)
            codes.add(found.exit_code)
    return next(code for code in (Exit.FAILED, Exit.UNKNOWN, Exit.NOT_YET, Exit.DONE) if code in codes)


def workloads_to_search() -> list[str]:
    """Those of workloads.yaml; raises BadInputError where there is none."""
    if not (registry := found_registry(or_else=NAME_IT)):
        raise BadInputError(f"there is no workloads.yaml here to look the workload up in: {NAME_IT}")
    return list(registry)


def _statuses(client: Client, ids: Sequence[str], workloads: Sequence[str]) -> list[tuple[str, Status | None]]:
    keys = {request_id: [request_key(workload, request_id) for workload in workloads] for request_id in ids}
    rows = client.statuses([key for each in keys.values() for key in each])
    return [
        (request_id, _only(request_id, [rows[key] for key in keys[request_id] if key in rows])) for request_id in ids
    ]


def _only(request_id: str, found: Sequence[Status]) -> Status | None:
    if len(found) > 1:
        names = ", ".join(status.workload for status in found)
        raise BadInputError(f"{request_id} stands under several workloads ({names}): name one with --workload")
    return found[0] if found else None


def _known(
    client: Client, ids: Sequence[str], workloads: Sequence[str], seconds: float
) -> list[tuple[str, Status | None]]:
    """The same, once each is known or was looked for so long."""
    end = client.clock() + seconds
    known = dict(_statuses(client, ids, workloads))
    unknown = [each for each, status in known.items() if status is None]
    with Counter("looking", len(unknown), forecast=False, clock=client.clock) as counter:
        while unknown and (left := end - client.clock()) > 0:
            client.sleep(min(LOOK_SECONDS, left))
            known.update(_statuses(client, unknown, workloads))
            counter.advance(sum(known[each] is not None for each in unknown))
            unknown = [each for each in unknown if known[each] is None]
    return [(request_id, known[request_id]) for request_id in ids]


def _ended(
    client: Client, ids: Sequence[str], workloads: Sequence[str], timeout: float | None
) -> list[tuple[str, Status | None]]:
    """The same, once each has its end, stays unknown, or the time is up."""
    began = client.clock()
    seconds = UNKNOWN_SECONDS if timeout is None else min(UNKNOWN_SECONDS, timeout)
    statuses = _known(client, ids, workloads, seconds)
    left = None if timeout is None else max(0.0, timeout - (client.clock() - began))
    tickets = {
        Ticket(workload=status.workload, id=request_id)
        for request_id, status in statuses
        if status is not None and status.outcome is None
    }
    ends: dict[str, Status] = {}
    with Counter("waiting", len(tickets), forecast=False, clock=client.clock) as counter:
        try:
            for _, end in client.settled(tickets, timeout=left):
                if isinstance(end, Status):
                    ends[end.key] = end
                counter.advance(1)
        except TimedOutError:
            pass  # the caller says of each what is missing
    return [(request_id, status and ends.get(status.key, status)) for request_id, status in statuses]


def _read(client: Client, statuses: Sequence[tuple[str, Status | None]]) -> Iterator[Found]:
    def read(request_id: str, status: Status | None) -> Found:
        if status is None or status.outcome is None:
            return Found(request_id, status, None)
        return Found(request_id, status, client.answer(status.workload, request_id, status))

    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        yield from pool.map(lambda each: read(*each), statuses)
