"""S3, as far as the front door uses it: versioned objects in one bucket."""

import io
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody


@dataclass
class S3:
    objects: dict[str, list[bytes]] = field(default_factory=dict)  # the versions of each key, the oldest first

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str | None = None) -> dict[str, Any]:
        versions = self.objects.setdefault(Key, [])
        if IfNoneMatch == "*" and versions:
            raise refusal("PreconditionFailed", "PutObject")
        versions.append(bytes(Body))
        return {"VersionId": str(len(versions))}

    def get_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:
        versions = self.objects.get(Key, [])
        if not versions:
            raise refusal("NoSuchVersion" if VersionId else "NoSuchKey", "GetObject")
        number = int(VersionId) if VersionId and VersionId.isdigit() else len(versions) if not VersionId else 0
        if not 1 <= number <= len(versions):
            raise refusal("NoSuchVersion", "GetObject")
        body = versions[number - 1]
        return {"Body": StreamingBody(io.BytesIO(body), len(body)), "ContentLength": len(body)}


def refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, operation)
