"""The sending of one file: what is on the queue already stays there, and whatever SQS takes is noted at once."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from cli.request_file import Line, Problem, RequestFile
from cli.send_state import SendState
from lanekeeper.client import Client, Ticket
from lanekeeper.client.sending import Letter, Receipt, UnsendableError, packs, send_pack

CALLS_AT_ONCE = 8


@dataclass(slots=True, kw_only=True)
class Sending:
    """One run over a file."""

    client: Client
    state: SendState
    tell: Callable[[int], None]  # how many lines have found their place
    tickets: dict[int, Ticket] = field(default_factory=dict)  # by line number
    problems: list[Problem] = field(default_factory=list)  # lines that were not sent
    refused: int = 0  # of these, by SQS: another run may have more luck

    def __call__(self, file: RequestFile, default_workload: str | None) -> None:
        """Sends each line once. What the way to SQS raises is raised after all calls under way are noted."""
        window: deque[tuple[list[Letter[Line]], Future[list[Receipt]]]] = deque()
        with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
            try:
                for pack in packs(self._letters(file, default_workload)):
                    window.append((pack, pool.submit(self._send, pack)))
                    if len(window) == CALLS_AT_ONCE:
                        self._note(*window[0])
                        window.popleft()
                while window:
                    self._note(*window[0])
                    window.popleft()
            finally:
                pool.shutdown(cancel_futures=True)
                for pack, call in window:
                    if not call.cancelled() and call.exception() is None:
                        self._note(pack, call)

    def _send(self, pack: Sequence[Letter[Line]]) -> list[Receipt]:
        return send_pack(self.client.sqs, self.client.addresses.queue_url, pack)

    def _letters(self, file: RequestFile, default_workload: str | None) -> Iterator[Letter[Line]]:
        for line in file.read(default_workload):
            if isinstance(line, Problem):
                self._refuse(line)
            elif line.number in self.state.taken:
                self.tickets[line.number] = Ticket.of_fields(line.fields, self.state.taken[line.number])
            else:
                yield from self._letter(line)

    def _letter(self, line: Line) -> Iterator[Letter[Line]]:
        try:
            yield Letter(line, self.client.inbox.outgoing(line.fields, line.body))
        except UnsendableError as error:
            self._refuse(Problem(line.number, error.code, error.sentence))

    def _note(self, pack: Sequence[Letter[Line]], call: Future[list[Receipt]]) -> None:
        taken = []
        for letter, receipt in zip(pack, call.result(), strict=True):
            number = letter.subject.number
            if receipt.message_id is None:
                self.refused += 1
                self.problems.append(Problem(number, receipt.code, receipt.sentence))
            else:
                taken.append((number, receipt.message_id))
                self.tickets[number] = Ticket.of_fields(letter.subject.fields, receipt.message_id)
        self.state.add(taken)
        self.tell(len(pack))

    def _refuse(self, problem: Problem) -> None:
        self.problems.append(problem)
        self.tell(1)
