"""The content bucket with everything that its versioning keeps: what was overwritten or deleted lies there for days."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lanekeeper.errors import LanekeeperError
from lanekeeper.spool import PART, Spool

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MOST_DELETES = 1_000  # of one call

_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "NoSuchVersion", "NoSuchUpload"}


class ChangedError(LanekeeperError):
    """Somebody else has written or deleted the object since it was looked at: look again."""


class NotDeletedError(LanekeeperError):
    """S3 refused to delete versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of an object, or a delete marker, which has no size."""

    id: str
    is_latest: bool
    size: int | None
    etag: str


@dataclass(frozen=True, slots=True)
class Versioned:
    """An object and all that is kept of it, the newest first."""

    key: str
    versions: tuple[Version, ...]

    @property
    def newest(self) -> Version | None:
        """The newest version that can be read, even under a delete marker."""
        return next((version for version in self.versions if version.size is not None), None)

    @property
    def current(self) -> Version | None:
        """What a reader who names no version gets; None where that is nothing."""
        newest = self.newest
        return newest if newest is not None and newest.is_latest else None


@dataclass(frozen=True, slots=True)
class Versions:
    """Lists, replaces and deletes by version. Needs rights that no function of ours has."""

    s3: "S3Client"
    bucket: str

    def objects(self, prefix: str, *, after: str = "") -> Iterator[Versioned]:
        """Every object under a prefix, in the order of keys, also those that only have old versions left."""
        for key, found in groupby(self._listed(prefix, after), key=lambda each: str(each["Key"])):
            yield Versioned(key, tuple(_version(each) for each in found))

    def lines(self, found: Versioned, version: Version) -> Iterator[bytes]:
        """The lines of one version. Raises ChangedError where it is gone."""
        with _unless_changed():
            yield from Spool(self.s3, self.bucket).lines(found.key, version=version.id)

    def replace(self, found: Versioned, over: Version, lines: Iterable[bytes]) -> None:
        """Writes a new version of the same size. Raises ChangedError where `over` is not the latest any more.

        A large object streams through in parts, so that no more than one of them stands in memory.
        """
        with _unless_changed():
            if (over.size or 0) > PART:
                Spool(self.s3, self.bucket).upload(found.key, lines, over=over.etag)
            else:
                self.s3.put_object(Bucket=self.bucket, Key=found.key, Body=b"".join(lines), IfMatch=over.etag)

    def delete(self, key: str, versions: Iterable[Version]) -> None:
        """Deletes versions for good. Raises NotDeletedError where S3 kept one."""
        doomed: list[Any] = [{"Key": key, "VersionId": version.id} for version in versions]
        for start in range(0, len(doomed), MOST_DELETES):
            chunk = doomed[start : start + MOST_DELETES]
            answer = self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": chunk, "Quiet": True})
            if errors := answer.get("Errors"):
                raise NotDeletedError(f"S3 kept {len(errors)} versions of {key}: {errors[0].get('Code')}")

    def _listed(self, prefix: str, after: str) -> Iterator[Any]:
        start: dict[str, Any] = {"KeyMarker": after} if after else {}
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix, **start)
        for page in pages:
            found: list[Any] = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            yield from sorted(found, key=lambda each: str(each["Key"]))


def _version(listed: Any) -> Version:
    return Version(
        id=listed["VersionId"], is_latest=listed["IsLatest"], size=listed.get("Size"), etag=listed.get("ETag", "")
    )


@contextmanager
def _unless_changed() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in _CHANGED:
            raise
        raise ChangedError("an object was written or deleted meanwhile") from error
