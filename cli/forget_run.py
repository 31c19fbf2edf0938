"""One run of `lanekeeper forget`: show what goes, ask, delete, say what stays."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import click

from cli.connection import reach, understandable
from cli.conventions import Exit, Where
from cli.forget_tables import OF_A_REJECTED_MESSAGE, OF_A_REQUEST, show_done, show_remnants
from cli.forgetting import Forgetting, Remnant, UnknownRequestError, forgetting_in
from cli.journey import StillOnItsWayError
from lanekeeper import clock
from lanekeeper.errors import LanekeeperError


class NotYetError(click.ClickException):
    """It cannot be deleted now, but later."""

    exit_code = Exit.NOT_YET


class NotFoundError(click.ClickException):
    """Nothing has this name."""

    exit_code = Exit.UNKNOWN


@dataclass(frozen=True, slots=True)
class Run:
    """The dialogue with whoever asked."""

    forgetting: Forgetting
    yes: bool
    dry_run: bool
    as_json: bool

    def request(self, workload: str, request_id: str) -> None:
        """Forgets a request."""
        with _understandable():
            now = clock.now()
            request = self.forgetting.find(workload, request_id, now=now)
            remnants = self.forgetting.look(request, now=now)
            self._ask(remnants)
            if not self.dry_run:
                request = self.forgetting.forget(request, now=now)
            self._done(remnants, OF_A_REQUEST, request.row.get("forgotten_at"))

    def rejected(self, message_id: str) -> None:
        """Forgets a rejected message, which has no row."""
        with _understandable():
            remnants = self.forgetting.look_for_rejected(message_id)
            if not remnants:
                raise UnknownRequestError("no rejected message has this id, or it is deleted already")
            self._ask(remnants)
            if not self.dry_run:
                self.forgetting.take_away(lambda: self.forgetting.look_for_rejected(message_id))
            self._done(remnants, OF_A_REJECTED_MESSAGE, None)

    def _ask(self, remnants: Sequence[Remnant]) -> None:
        """Raises click.Abort where the person does not want it."""
        if remnants and not self.as_json:
            show_remnants(remnants)
        if remnants and not self.yes and not self.dry_run:
            click.confirm("Delete this for good?", abort=True, err=True)

    def _done(self, remnants: Sequence[Remnant], stays: Sequence[str], forgotten_at: str | None) -> None:
        show_done(remnants, stays, forgotten_at, dry_run=self.dry_run, as_json=self.as_json)


def connected(where: Where) -> Forgetting:
    """The deed in the stack that is meant."""
    reached = reach(where)
    return forgetting_in(reached.session, reached.outputs, **reached.place)


@contextmanager
def _understandable() -> Iterator[None]:
    """Errors as the command's last words, with their exit codes."""
    try:
        with understandable():
            yield
    except UnknownRequestError as error:
        raise NotFoundError(str(error)) from error
    except StillOnItsWayError as error:
        raise NotYetError(str(error)) from error
    except LanekeeperError as error:
        raise click.ClickException(str(error)) from error
