"""Claim checks: params too large for a message, left in the workload's inbox and named by key, version and hash."""

import hashlib
import hmac
from dataclasses import dataclass

from lanekeeper.errors import RejectedError
from lanekeeper.rejections import RejectionCode

MAX_BYTES = 32_000_000  # of one request: the Messages API's 32 MB
# Marks between values: ten million empty lists are 30 MB, and a gigabyte once they are parsed. A text with so many of
# them has more tokens than any model reads; images have none.
MAX_MARKS = 2_000_000
INBOX = "inbox/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Where the params of a request lie. A version cannot change, so what was checked is what is sent."""

    key: str
    version: str
    sha256: str  # of the object's bytes, in hexadecimal


def inbox_of(workload: str) -> str:
    """The prefix under which a workload's producers leave what is too large for a message."""
    return f"{INBOX}{workload}/"


def check_place(claim: Claim, workload: str) -> None:
    """Raises RejectedError unless the object lies in the workload's own inbox: nobody has us read anything else."""
    prefix = inbox_of(workload)
    name = claim.key.removeprefix(prefix)
    if not claim.key.startswith(prefix) or not name or ".." in name.split("/"):
        raise RejectedError(
            RejectionCode.OBJECT_FOREIGN,
            f"params_object.key is outside the workload's inbox: it begins with {prefix}",
        )


def check_size(size: int) -> None:
    """Raises RejectedError for more bytes than the Messages API takes."""
    if size > MAX_BYTES:
        raise RejectedError(
            RejectionCode.OBJECT_TOO_LARGE, f"the object of params_object has more than {MAX_BYTES} bytes: send less"
        )


def check_bytes(claim: Claim, data: bytes) -> None:
    """Raises RejectedError where the object is another than the message promises, or too much to be read."""
    if sum(map(data.count, (b"{", b"[", b",", b":"))) > MAX_MARKS:
        raise RejectedError(
            RejectionCode.OBJECT_TOO_LARGE,
            f"the object of params_object has more than {MAX_MARKS} brackets, commas and colons: send less",
        )
    if not hmac.compare_digest(hashlib.sha256(data).hexdigest(), claim.sha256):
        raise RejectedError(
            RejectionCode.OBJECT_CHANGED,
            "the object of params_object has another sha256: hash the bytes that were put, and name their version",
        )


def missing() -> RejectedError:
    """There is no such object, or no such version of it, or S3 does not hand it out as it is."""
    return RejectedError(
        RejectionCode.OBJECT_MISSING,
        "there is no such version of the object of params_object, or it cannot be read: put it, and name its VersionId",
    )
