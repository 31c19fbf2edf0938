"""Messages onto the request queue: ten a call, within SQS's sizes; what is larger goes by claim check."""

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from botocore.exceptions import ClientError

from lanekeeper.errors import LanekeeperError
from lanekeeper.policy import is_workload_name

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

MOST_MESSAGES = 10  # of one SendMessageBatch
MOST_BYTES = 1_048_576  # of one message, and of all messages of one call
MOST_PARAMS_BYTES = 32_000_000  # what the Claude API takes in one call

NO_GROUP = "unreadable"
_GROUP = re.compile(r"[A-Za-z0-9!-/:-@\[-`{-~]{1,128}", re.ASCII)

# SQS refuses a whole call for what one of its messages holds.
_ONE_SPOILS_ALL = {"BatchRequestTooLong", "InvalidMessageContents", "InvalidParameterValue", "InvalidAttributeValue"}


_Subject = TypeVar("_Subject")
_Message = TypeVar("_Message", bound="Sendable")


class UnsendableError(LanekeeperError):
    """A message that no queue would take; `code` is stable, the sentence says what to change."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence


class Sendable(Protocol):
    """A message as SQS takes it."""

    @property
    def body(self) -> str: ...

    @property
    def group(self) -> str:
        """The message group: it keeps the queue fair between workloads and promises no order."""
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The plainest Sendable."""

    body: str
    group: str


@dataclass(frozen=True, slots=True)
class Letter(Generic[_Subject]):
    """A message that knows what it was made of, a request or a line of a file."""

    subject: _Subject
    outgoing: Outgoing

    @property
    def body(self) -> str:
        return self.outgoing.body

    @property
    def group(self) -> str:
        return self.outgoing.group


@dataclass(frozen=True, slots=True)
class Receipt:
    """What SQS said of a message: its id, or why it was not taken."""

    message_id: str | None
    code: str = ""
    sentence: str = ""


def group_of(workload: Any) -> str:
    """The workload where SQS allows it as a group's name."""
    return workload if isinstance(workload, str) and _GROUP.fullmatch(workload) else NO_GROUP


def size_of(message: Sendable) -> int:
    """Bytes, as SQS counts them; lone surrogates count too, though SQS takes none."""
    return len(message.body.encode(errors="surrogatepass"))


def packs(messages: Iterable[_Message]) -> Iterator[list[_Message]]:
    """As many messages as one call takes, and again."""
    pack: list[_Message] = []
    size = 0
    for message in messages:
        if pack and (len(pack) == MOST_MESSAGES or size + size_of(message) > MOST_BYTES):
            yield pack
            pack, size = [], 0
        pack.append(message)
        size += size_of(message)
    if pack:
        yield pack


def send_pack(sqs: "SQSClient", queue_url: str, pack: Sequence[Sendable]) -> list[Receipt]:
    """One call; says of each message, in order, what became of it. Raises ClientError where the call itself failed."""
    entries = [{"Id": str(n), "MessageBody": each.body, "MessageGroupId": each.group} for n, each in enumerate(pack)]
    try:
        answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)  # type: ignore[arg-type]
    except ClientError as error:
        return _one_by_one(sqs, queue_url, pack, error)
    taken = {entry["Id"]: Receipt(entry["MessageId"]) for entry in answer.get("Successful", [])}
    refused = {
        entry["Id"]: Receipt(None, entry["Code"], entry.get("Message", "SQS did not take it"))
        for entry in answer.get("Failed", [])
    }
    return [(taken | refused)[entry["Id"]] for entry in entries]


def _one_by_one(sqs: "SQSClient", queue_url: str, pack: Sequence[Sendable], error: ClientError) -> list[Receipt]:
    """One message spoils a call: each is sent by itself, so that only that one is refused."""
    code = error.response["Error"]["Code"].rpartition(".")[2]
    if code not in _ONE_SPOILS_ALL:
        raise error
    if len(pack) == 1:
        return [Receipt(None, code, "SQS does not take a message like this: look at its size and characters")]
    return [receipt for each in pack for receipt in send_pack(sqs, queue_url, [each])]


@dataclass(frozen=True, slots=True)
class Inbox:
    """The claim check: params too large for a message wait in the bucket, and the message says where."""

    s3: "S3Client"
    bucket: str

    def outgoing(self, fields: Mapping[str, Any], body: str | None = None) -> Outgoing:
        """The message of these fields, `body` being their JSON where it was written already. Raises UnsendableError."""
        whole = Outgoing(json_text(fields) if body is None else body, group_of(fields.get("workload")))
        if size_of(whole) <= MOST_BYTES:
            return whole
        checked_in = Outgoing(json_text(self._checked_in(fields)), whole.group)
        if size_of(checked_in) > MOST_BYTES:
            raise UnsendableError("message_too_long", f"all but params must fit into a message of {MOST_BYTES:,} bytes")
        return checked_in

    def _checked_in(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        workload, params = fields.get("workload"), fields.get("params")
        if not is_workload_name(workload) or not isinstance(params, Mapping):
            raise UnsendableError(
                "message_too_long", f"a message of over {MOST_BYTES:,} bytes needs a workload, and params as an object"
            )
        rest = {name: value for name, value in fields.items() if name != "params"}
        return rest | {"params_object": self._put(f"inbox/{workload}/{secrets.token_hex(16)}", params)}

    def _put(self, key: str, params: Mapping[str, Any]) -> dict[str, str]:
        body = json.dumps(params, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")
        if len(body) > MOST_PARAMS_BYTES:
            raise UnsendableError("params_too_long", f"params have at most {MOST_PARAMS_BYTES:,} bytes as JSON")
        stored = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return {"key": key, "version": stored["VersionId"], "sha256": hashlib.sha256(body).hexdigest()}


def json_text(fields: Mapping[str, Any]) -> str:
    """ASCII: SQS refuses some characters, U+FFFF for one. Raises UnsendableError for what has no JSON."""
    try:
        return json.dumps(fields, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise UnsendableError(
            "not_json", "the request holds a value that JSON does not know, or one in itself"
        ) from error
