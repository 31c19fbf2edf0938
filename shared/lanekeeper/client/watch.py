"""Waiting for many requests at once: their rows read in packs, and the notices of those that have none."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lanekeeper.client.answers import Rejection
from lanekeeper.client.errors import TimedOutError
from lanekeeper.client.notices import Notices
from lanekeeper.client.requests import Ticket
from lanekeeper.client.status import Status

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0  # seconds between two looks, growing while nothing happens
PAUSE_GROWTH = 1.5
NOTICES_AT_ONCE = 100  # looked for in one round; the others have their turn in the next

Settled = tuple[Ticket, Status | Rejection]


@dataclass(slots=True, kw_only=True)
class Watch:
    """Tickets without an end. `read` gives the rows that exist among these keys, each named once."""

    read: Callable[[Sequence[str]], Mapping[str, Status]]
    notices: Notices
    is_settled: Callable[[Status], bool]
    clock: Callable[[], float]  # seconds that only grow
    sleep: Callable[[float], None]
    pending: list[Ticket] = field(default_factory=list)

    def until_settled(self, tickets: Iterable[Ticket], timeout: float | None) -> Iterator[Settled]:
        """Each ticket as it comes to its end; raises TimedOutError when so many seconds are up."""
        self.pending = list(tickets)
        end = None if timeout is None else self.clock() + timeout
        pause = FIRST_PAUSE
        while self.pending:
            began, before = self.clock(), len(self.pending)
            yield from self._look()
            if not self.pending:
                return
            now = self.clock()
            if end is not None and now >= end:
                raise TimedOutError(self.pending)
            pause = FIRST_PAUSE if len(self.pending) < before else min(pause * PAUSE_GROWTH, LONGEST_PAUSE)
            wait = max(pause, now - began)  # many are not read all the time
            self.sleep(wait if end is None else min(wait, end - now))

    def _look(self) -> Iterator[Settled]:
        """One round. A row with other content is not ours: then our message is a conflict, and its notice will come."""
        rows = self.read(list(dict.fromkeys(ticket.key for ticket in self.pending)))
        under_way, unseen, settled = [], [], []
        for ticket in self.pending:
            status = rows.get(ticket.key)
            if status is None or not _is_ours(status, ticket):
                unseen.append(ticket)
            elif self.is_settled(status):
                settled.append((ticket, status))
            else:
                under_way.append(ticket)
        looked_for = [(ticket, self.notices.find(ticket)) for ticket in unseen[:NOTICES_AT_ONCE]]
        still_unseen = [ticket for ticket, rejection in looked_for if rejection is None]
        self.pending = under_way + unseen[NOTICES_AT_ONCE:] + still_unseen
        yield from settled
        yield from ((ticket, rejection) for ticket, rejection in looked_for if rejection is not None)


def _is_ours(status: Status, ticket: Ticket) -> bool:
    return ticket.content_hash is None or ticket.content_hash == status.content_hash
