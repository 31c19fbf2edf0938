"""The content bucket: ready-to-send segments, large messages, rejected originals, and answers."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lanekeeper import claims
from lanekeeper.claims import Claim
from lanekeeper.models import Entry

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BLOCK = 256 * 1024
# No object, no such version, a delete marker; a name that S3 does not take; archived; under a key of the producer's.
_UNREADABLE = {"NoSuchKey", "NoSuchVersion", "InvalidArgument", "MethodNotAllowed"} | {
    "KeyTooLongError",
    "InvalidObjectState",
    "InvalidRequest",
}
PART = 8 * 1024 * 1024  # of a multipart upload; S3 takes 10,000 parts of at least 5 MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One object as it was written."""

    key: str
    version: str
    size: int


@dataclass(frozen=True, slots=True)
class Spool:
    """What we read and write in S3. Prompts and answers lie here and nowhere else."""

    s3: "S3Client"
    bucket: str

    def put(self, key: str, body: bytes) -> None:
        """Writes an object under a key of its own, so that writing it again does no harm."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Writes an object where none stands; False where one does."""
        try:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
            return False
        return True

    def get(self, key: str, *, start: int = 0, end: int | None = None, version: str | None = None) -> bytes:
        """The bytes from `start` up to, not including, `end`."""
        return b"".join(self.blocks(key, start=start, end=end, version=version))

    def find(self, key: str) -> bytes | None:
        """An object's bytes, or None where there is none."""
        try:
            return self.get(key)
        except self.s3.exceptions.NoSuchKey:
            return None

    def claimed(self, claim: Claim) -> bytes:
        """The object of a claim check; raises RejectedError where there is none, or it is too large to be fetched."""
        try:
            found = self.s3.get_object(Bucket=self.bucket, Key=claim.key, VersionId=claim.version)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _UNREADABLE:
                raise
            raise claims.missing() from None  # its text names the key, which is the producer's
        claims.check_size(found["ContentLength"])
        return found["Body"].read()

    def blocks(
        self, key: str, *, start: int = 0, end: int | None = None, version: str | None = None
    ) -> Iterator[bytes]:
        """The same, in blocks: a large object never stands in memory whole."""
        which: dict[str, Any] = {"VersionId": version} if version else {}
        part: dict[str, Any] = (
            {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if start or end is not None else {}
        )
        body = self.s3.get_object(Bucket=self.bucket, Key=key, **which, **part)["Body"]
        yield from body.iter_chunks(BLOCK)

    def lines(self, key: str, *, start: int = 0, version: str | None = None) -> Iterator[bytes]:
        """The lines of an object, newlines kept."""
        rest = b""
        for block in self.blocks(key, start=start, version=version):
            *whole, rest = (rest + block).split(b"\n")
            yield from (line + b"\n" for line in whole)
        if rest:
            yield rest

    def upload(self, key: str, blocks: Iterable[bytes], *, over: str = "") -> Stored:
        """Streams an object of any size; it exists whole or not at all.

        `over` is the ETag of the version that it replaces: where another one stands by then, S3 refuses.
        """
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key=key, ContentType="application/x-ndjson")[
            "UploadId"
        ]
        target: dict[str, Any] = {"Bucket": self.bucket, "Key": key, "UploadId": upload}
        condition: dict[str, Any] = {"IfMatch": over} if over else {}
        try:
            parts: list[Any] = []
            size = 0
            for number, part in enumerate(_parts(blocks), start=1):
                tag = self.s3.upload_part(**target, PartNumber=number, Body=part)["ETag"]
                parts.append({"ETag": tag, "PartNumber": number})
                size += len(part)
            done = self.s3.complete_multipart_upload(**target, **condition, MultipartUpload={"Parts": parts})
        except BaseException:
            self.s3.abort_multipart_upload(**target)
            raise
        return Stored(key=key, version=done.get("VersionId", ""), size=size)

    def copy(self, source: Stored, key: str) -> None:
        """Copies one version inside the bucket, in parts where it is large; the bytes never pass through us."""
        place: Any = {"Bucket": self.bucket, "Key": source.key}
        if source.version:
            place["VersionId"] = source.version
        self.s3.copy(place, self.bucket, key)

    def note_claim(self, request_key: str, claim: Claim) -> None:
        """Remembers where a request's params came from, so that they can be deleted there too. Not in its row: the name
        of an object is the producer's own."""
        note = json.dumps(asdict(claim)).encode()
        self.put(f"{claim_notes(request_key)}{hashlib.sha256(note).hexdigest()[:16]}.json", note)

    # segments

    def write_segment(self, segment: str, lines: bytes, entries: Iterable[Entry]) -> bool:
        """Writes a segment's index and lines; False where the lines stood already (then those are the segment)."""
        self.write_index(segment, entries)
        return self.write_lines(segment, lines)

    def write_index(self, segment: str, entries: Iterable[Entry]) -> bool:
        """False where one stood already."""
        index = b"".join(json.dumps(asdict(entry), ensure_ascii=False).encode() + b"\n" for entry in entries)
        return self.put_if_absent(index_key(segment), index)

    def write_lines(self, segment: str, lines: bytes) -> bool:
        """False where they stood already."""
        return self.put_if_absent(lines_key(segment), lines)

    def find_entries(self, segment: str) -> list[Entry] | None:
        """The same, or None where no index was written yet."""
        index = self.find(index_key(segment))
        return None if index is None else [Entry(**json.loads(line)) for line in index.splitlines()]

    def entries(self, segment: str) -> list[Entry]:
        """A segment's index: the entry of sequence number n stands at place n."""
        return [Entry(**json.loads(line)) for line in self.lines(index_key(segment))]


def claim_notes(request_key: str) -> str:
    """The prefix of a request's notes, one for each object that its params came from."""
    return f"requests/{request_key}-claim-"


def lines_key(segment: str) -> str:
    return f"segments/{segment}.jsonl"


def index_key(segment: str) -> str:
    return f"segments/{segment}.index.jsonl"


def result_key(workload: str, day: str, name: str) -> str:
    """Where consumers and Athena find answers: partitioned by workload and UTC date."""
    return f"results/workload={workload}/date={day}/{name}.jsonl"


def _parts(blocks: Iterable[bytes]) -> Iterator[bytes]:
    buffer = bytearray()
    for block in blocks:
        buffer += block
        while len(buffer) >= PART:
            yield bytes(buffer[:PART])
            del buffer[:PART]
    if buffer:
        yield bytes(buffer)
