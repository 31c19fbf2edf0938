"""Why a message was rejected: its notice, found in the content bucket by the id that SQS gave the message."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lanekeeper import moments
from lanekeeper.client.answers import Rejection
from lanekeeper.client.requests import Ticket

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Without s3:ListBucket, S3 answers 403 for what is not there.
_ABSENT = {"NoSuchKey", "404", "AccessDenied", "403"}


@dataclass(frozen=True, slots=True)
class Notices:
    """The notices of rejected messages."""

    s3: "S3Client"
    bucket: str

    def find(self, ticket: Ticket) -> Rejection | None:
        """Why this ticket's message was rejected; None where it was not, or not yet."""
        if ticket.message_id is None:
            return None
        notice = self._read(notice_key(ticket.message_id))
        if notice is None:
            return None
        return Rejection(
            workload=ticket.workload,
            id=ticket.id,
            message_id=ticket.message_id,
            code=notice["code"],
            sentence=notice["sentence"],
            rejected_at=moments.from_text(notice["rejected_at"]),
        )

    def _read(self, key: str) -> dict[str, Any] | None:
        try:
            body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ABSENT:
                raise
            return None
        notice: dict[str, Any] = json.loads(body)
        return notice


def notice_key(message_id: str) -> str:
    return f"rejected/{message_id}.json"
