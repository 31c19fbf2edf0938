"""The deployed policies, of roles and of what they reach, rewritten for the time of one scene."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from local.roles.permissions import Document, Permission, deployed_grant, policy_of, refusing_tls, without
from local.stack import Stack


class Policies:
    """What the roles of a stack allow, by the names of the template that it was deployed from."""

    def __init__(self, stack: Stack, template: Document) -> None:
        self._stack = stack
        self._iam: Any = stack.client("iam")
        self._template = template

    @contextmanager
    def without(self, permission: Permission) -> Iterator[None]:
        """The role lacks one permission for the time of the block."""
        name, deployed = self._read(permission.role)
        written = policy_of(self._template, permission.role)
        self._write(permission.role, name, without(deployed, deployed_grant(permission, written, deployed)))
        try:
            yield
        finally:
            self._write(permission.role, name, deployed)

    @contextmanager
    def refusing_tls(self, name: str) -> Iterator[None]:
        """The queue or bucket with this logical id refuses TLS, instead of plain HTTP, for the time of the block."""
        read, write = self._bucket_policy(name) if name.endswith("Bucket") else self._queue_policy(name)
        policy = read()
        write(refusing_tls(policy))
        try:
            yield
        finally:
            write(policy)

    def _queue_policy(self, name: str) -> tuple[Callable[[], str], Callable[[str], None]]:
        sqs, url = self._stack.client("sqs"), self._stack.physical[name]

        def read() -> str:
            return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])

        return read, lambda policy: sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    def _bucket_policy(self, name: str) -> tuple[Callable[[], str], Callable[[str], None]]:
        s3, bucket = self._stack.client("s3"), self._stack.physical[name]

        def read() -> str:
            return str(s3.get_bucket_policy(Bucket=bucket)["Policy"])

        return read, lambda policy: s3.put_bucket_policy(Bucket=bucket, Policy=policy)

    def _read(self, role: str) -> tuple[str, Document]:
        (name,) = self._iam.list_role_policies(RoleName=self._stack.physical[role])["PolicyNames"]
        return name, self._iam.get_role_policy(RoleName=self._stack.physical[role], PolicyName=name)["PolicyDocument"]

    def _write(self, role: str, name: str, policy: Document) -> None:
        self._iam.put_role_policy(
            RoleName=self._stack.physical[role], PolicyName=name, PolicyDocument=json.dumps(policy)
        )
