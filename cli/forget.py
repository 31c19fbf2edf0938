"""`lanekeeper forget`: one request's content deleted, its row and its cost kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import boto3
import click

from cli.forget_tables import show_done, show_remnants
from cli.forgetting import Forgetting, Remnant, UnknownRequestError, forgetting_in
from cli.journey import StillOnItsWayError
from cli.output import BadInputError
from lanekeeper import clock
from lanekeeper.errors import LanekeeperError


class NotFoundError(click.ClickException):
    """Nothing has this name."""

    exit_code = 3


class NotYetError(click.ClickException):
    """It cannot be deleted now, but later."""

    exit_code = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the person wants to be asked and shown."""

    yes: bool
    dry_run: bool
    as_json: bool


@click.command(short_help="Delete one request's content; its row and its cost stay.")
@click.argument("request_id", metavar="ID", required=False)
@click.option("--workload", help="The workload that the request was sent for.")
@click.option("--rejected", "message_id", metavar="MESSAGE_ID", help="A rejected message instead.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--stack", default="lanekeeper", show_default=True, help="The stack's name.")
@click.option("--profile", help="A profile of the AWS CLI.")
@click.option("--region", help="The stack's AWS region.")
def forget(
    *,
    request_id: str | None,
    workload: str | None,
    message_id: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    stack: str,
    profile: str | None,
    region: str | None,
) -> None:
    """Deletes one request's prompt, answer, id and metadata, in every version of every object that holds them.

    What will go is shown first. The request must have its answer, and its batch must be collected. Its row and its
    cost record stay, and its neighbours' answers stay where they are.

    Exit codes: 0 nothing is left, 1 failed (repeat it), 2 wrong usage, 3 not found, 4 not yet.
    """
    if (request_id is None) == (message_id is None) or (request_id is not None and workload is None):
        raise BadInputError("name a request by ID and --workload, or a message by --rejected MESSAGE_ID")
    wishes = Wishes(yes=yes, dry_run=dry_run, as_json=as_json)
    try:
        forgetting = _forgetting(boto3.Session(profile_name=profile, region_name=region), stack)
        if message_id is not None:
            _forget_rejected(forgetting, message_id, wishes)
        else:
            _forget_request(forgetting, str(workload), str(request_id), wishes)
    except UnknownRequestError as error:
        raise NotFoundError(str(error)) from error
    except StillOnItsWayError as error:
        raise NotYetError(str(error)) from error
    except LanekeeperError as error:
        raise click.ClickException(str(error)) from error


def _forget_request(forgetting: Forgetting, workload: str, request_id: str, wishes: Wishes) -> None:
    now = clock.now()
    request = forgetting.find(workload, request_id, now=now)
    remnants = forgetting.look(request, now=now)
    _ask(remnants, wishes)
    if not wishes.dry_run:
        request = forgetting.forget(request, now=now)
    show_done(remnants, request.row.get("forgotten_at"), dry_run=wishes.dry_run, as_json=wishes.as_json)


def _forget_rejected(forgetting: Forgetting, message_id: str, wishes: Wishes) -> None:
    remnants = forgetting.look_for_rejected(message_id)
    if not remnants:
        raise UnknownRequestError("no rejected message has this id, or it is deleted already")
    _ask(remnants, wishes)
    if not wishes.dry_run:
        forgetting.take_away(lambda: forgetting.look_for_rejected(message_id))
    show_done(remnants, None, dry_run=wishes.dry_run, as_json=wishes.as_json)


def _ask(remnants: Sequence[Remnant], wishes: Wishes) -> None:
    """Shows what will go; raises click.Abort where the person does not want it."""
    if remnants and not wishes.as_json:
        show_remnants(remnants)
    if remnants and not wishes.yes and not wishes.dry_run:
        click.confirm("Delete this for good?", abort=True, err=True)


def _forgetting(session: boto3.Session, stack: str) -> Forgetting:
    described = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
    return forgetting_in(session, outputs)
