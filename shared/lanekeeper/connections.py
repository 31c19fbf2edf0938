"""Clients of AWS, made once per process and kept alive between invocations."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

# A call that hangs must not outlive the time that a function keeps back for it.
CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 5}, connect_timeout=2, read_timeout=10, max_pool_connections=20
)


@cache
def sqs() -> "SQSClient":
    return boto3.client("sqs", config=CONFIG)


@cache
def s3() -> "S3Client":
    return boto3.client("s3", config=CONFIG)


@cache
def eventbridge() -> "EventBridgeClient":
    return boto3.client("events", config=CONFIG)
