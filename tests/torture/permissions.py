"""What a function's role lets it do, and what a call of the stand-ins needs, in one language: action and resource.

A resource is named by its logical id: `BatchesTable`, `BatchesTable/index/open`, `ContentBucket/results/…`.
"""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from tests import stack

Need = tuple[str, str]  # action and resource

S3_ACTIONS = {
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
}


def needs(call: str, arguments: Mapping[str, Any]) -> Iterator[Need]:
    """Everything that AWS asks permission for when this call is made."""
    service, _, operation = call.partition(".")
    match service:
        case "dynamodb":
            yield from _dynamodb(operation, arguments)
        case "s3":
            yield from _s3(operation, arguments)
        case "sqs":
            yield f"sqs:{operation.removesuffix('Batch')}", arguments["QueueUrl"]
        case "events":
            yield "events:PutEvents", "CompletionBus"
        case "secretsmanager":
            yield "secretsmanager:GetSecretValue", arguments["SecretId"]


def _dynamodb(operation: str, arguments: Mapping[str, Any]) -> Iterator[Need]:
    if operation == "BatchGetItem":
        yield from (("dynamodb:BatchGetItem", table) for table in arguments["RequestItems"])
    elif operation == "TransactWriteItems":
        for item in arguments["TransactItems"]:
            yield from ((f"dynamodb:{kind}Item", write["TableName"]) for kind, write in item.items())
    else:
        index = f"/index/{arguments['IndexName']}" if arguments.get("IndexName") else ""
        yield f"dynamodb:{operation}", arguments["TableName"] + index


def _s3(operation: str, arguments: Mapping[str, Any]) -> Iterator[Need]:
    bucket = arguments["Bucket"]
    if operation == "ListObjectsV2":
        yield "s3:ListBucket", bucket
        return
    if operation == "CopyObject":
        source = arguments["CopySource"]
        yield _get(source), f"{bucket}/{source['Key']}"
        operation = "PutObject"
    action = S3_ACTIONS.get(operation, operation)
    yield _get(arguments) if action == "GetObject" else f"s3:{action}", f"{bucket}/{arguments['Key']}"


def _get(arguments: Mapping[str, Any]) -> str:
    return "s3:GetObjectVersion" if arguments.get("VersionId") else "s3:GetObject"


def is_allowed(function: str, need: Need) -> bool:
    """Whether the function's own role has a statement for it."""
    action, resource = need
    return any(action in actions and fnmatchcase(resource, pattern) for actions, pattern in _statements(function))


@cache
def _statements(function: str) -> list[tuple[frozenset[str], str]]:
    resources = stack.translated()["Resources"]
    role = resources[function]["Properties"]["Role"]["Fn::GetAtt"][0]
    return [
        (frozenset(_list(statement["Action"])), _name(resource))
        for policy in resources[role]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for resource in _list(statement["Resource"])
    ]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _name(resource: Any) -> str:
    """The logical id in a reference, with what follows it."""
    match resource:
        case {"Fn::GetAtt": [str(name), *_]} | {"Ref": str(name)}:
            return name
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{(\w+)(\.\w+)?\}", r"\1", text)
    return str(resource)
