"""S3, as far as we use it: versioned objects in one bucket."""

import hashlib
import io
import re
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from tests.standins.wire import Wire, refusal, remote


class NoSuchKey(ClientError):  # noqa: N818 - boto3's own name for it
    """What a client's `exceptions.NoSuchKey` is."""


class _Exceptions:
    NoSuchKey = NoSuchKey


@dataclass
class _Upload:
    key: str
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass
class S3:
    wire: Wire = field(default_factory=Wire)
    objects: dict[str, list[bytes]] = field(default_factory=dict)  # the versions of each key, the oldest first
    uploads: dict[str, _Upload] = field(default_factory=dict)  # begun and neither completed nor aborted
    tags: dict[tuple[str, int], str] = field(default_factory=dict)  # ETags of what came in parts
    begun: int = 0
    service = "s3"
    exceptions = _Exceptions

    @remote
    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str | None = None, **_: Any
    ) -> dict[str, Any]:
        if IfNoneMatch == "*" and self.objects.get(Key):
            raise refusal("PreconditionFailed", "PutObject")
        return self._store(Key, bytes(Body))

    @remote
    def get_object(
        self, *, Bucket: str, Key: str, VersionId: str | None = None, Range: str | None = None
    ) -> dict[str, Any]:
        body = self._find(Key, VersionId, "GetObject")
        if Range:
            start, end = _range(Range, len(body))
            body = body[start:end]
        return {"Body": StreamingBody(io.BytesIO(body), len(body)), "ContentLength": len(body)}

    @remote
    def head_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:
        try:
            body = self._find(Key, VersionId, "HeadObject")
        except ClientError:
            raise refusal("404", "HeadObject") from None  # a HEAD has no body that could say more
        number = int(VersionId) if VersionId else len(self.objects[Key])
        return {"ContentLength": len(body), "ETag": self._tag(Key, number), "VersionId": str(number)}

    @remote
    def copy_object(self, *, CopySource: dict[str, Any], Bucket: str, Key: str) -> dict[str, Any]:
        return self._store(Key, self._find(CopySource["Key"], CopySource.get("VersionId"), "CopyObject"))

    def copy(self, CopySource: dict[str, Any], Bucket: str, Key: str) -> None:
        """boto3's managed transfer of an object that needs no parts."""
        self.head_object(**CopySource)
        self.copy_object(CopySource=CopySource, Bucket=Bucket, Key=Key)

    @remote
    def list_objects_v2(self, *, Bucket: str, Prefix: str = "") -> dict[str, Any]:
        found = [key for key in sorted(self.objects) if key.startswith(Prefix) and self.objects[key]]
        if len(found) > 1_000:
            raise NotImplementedError("a second page")
        contents = [{"Key": key, "Size": len(self.objects[key][-1])} for key in found]
        return {"KeyCount": len(found), "IsTruncated": False} | ({"Contents": contents} if found else {})

    # in parts

    @remote
    def create_multipart_upload(self, *, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:
        self.begun += 1
        self.uploads[str(self.begun)] = _Upload(Key)
        return {"UploadId": str(self.begun)}

    @remote
    def upload_part(self, *, Bucket: str, Key: str, UploadId: str, PartNumber: int, Body: bytes) -> dict[str, Any]:
        self._upload(UploadId, "UploadPart").parts[PartNumber] = bytes(Body)
        return {"ETag": _md5(bytes(Body))}

    @remote
    def complete_multipart_upload(
        self, *, Bucket: str, Key: str, UploadId: str, MultipartUpload: dict[str, Any], IfMatch: str | None = None
    ) -> dict[str, Any]:
        upload = self._upload(UploadId, "CompleteMultipartUpload")
        versions = self.objects.get(Key, [])
        if IfMatch and (not versions or self._tag(Key, len(versions)) != IfMatch):
            raise refusal("PreconditionFailed" if versions else "NoSuchKey", "CompleteMultipartUpload")
        named = [(part["PartNumber"], part["ETag"]) for part in MultipartUpload["Parts"]]
        if not named:
            raise refusal("MalformedXML", "CompleteMultipartUpload")
        if any(number not in upload.parts or _md5(upload.parts[number]) != tag for number, tag in named):
            raise refusal("InvalidPart", "CompleteMultipartUpload")
        del self.uploads[UploadId]
        digests = b"".join(hashlib.md5(upload.parts[number], usedforsecurity=False).digest() for number, _ in named)
        tag = f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(named)}"'
        return self._store(Key, b"".join(upload.parts[number] for number, _ in named), tag)

    @remote
    def abort_multipart_upload(self, *, Bucket: str, Key: str, UploadId: str) -> dict[str, Any]:
        self._upload(UploadId, "AbortMultipartUpload")
        del self.uploads[UploadId]
        return {}

    # what calls are made of

    def _store(self, key: str, body: bytes, tag: str | None = None) -> dict[str, Any]:
        versions = self.objects.setdefault(key, [])
        versions.append(body)
        if tag is not None:
            self.tags[key, len(versions)] = tag
        return {"VersionId": str(len(versions)), "ETag": self._tag(key, len(versions))}

    def _find(self, key: str, version: str | None, operation: str) -> bytes:
        versions = self.objects.get(key, [])
        if not versions and not version:
            missing: Any = {"Error": {"Code": "NoSuchKey", "Message": ""}}
            raise NoSuchKey(missing, operation)
        number = int(version) if version and version.isdigit() else len(versions) if not version else 0
        if not 1 <= number <= len(versions):
            raise refusal("NoSuchVersion", operation)
        return versions[number - 1]

    def _tag(self, key: str, number: int) -> str:
        return self.tags.get((key, number)) or _md5(self.objects[key][number - 1])

    def _upload(self, upload_id: str, operation: str) -> _Upload:
        if upload_id not in self.uploads:
            raise refusal("NoSuchUpload", operation)
        return self.uploads[upload_id]


def _range(text: str, size: int) -> tuple[int, int]:
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", text)
    if found is None:
        raise NotImplementedError(text)
    start, end = int(found[1]), int(found[2]) + 1 if found[2] else size
    if start >= size:
        raise refusal("InvalidRange", "GetObject")
    return start, min(end, size)


def _md5(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
