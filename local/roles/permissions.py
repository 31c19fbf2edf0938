"""What the template's roles allow, permission by permission, and a policy with one of them taken out."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Document = Mapping[str, Any]

_WRITES = {"sqs:*": "sqs:SendMessage", "s3:*": "s3:PutObject"}


class Permission(NamedTuple):
    """One action on one resource, as the table of proofs names them."""

    role: str  # logical id
    action: str
    resource: str  # logical id, and what follows it: ContentBucket/segments/*

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


class Grant(NamedTuple):
    """Where a policy gives a permission: the resource as this policy writes it."""

    statement: int
    action: str
    resource: Any


def permissions_of(template: Document) -> list[Permission]:
    """Every permission of every role, in the template's order."""
    return [
        Permission(role, grant.action, _name(grant.resource))
        for role in roles_of(template)
        for grant in grants_of(policy_of(template, role))
    ]


def roles_of(template: Document) -> list[str]:
    """The logical ids of the roles."""
    return [name for name, each in template["Resources"].items() if each["Type"] == "AWS::IAM::Role"]


def policy_of(template: Document, role: str) -> Document:
    """The role's one inline policy."""
    (policy,) = template["Resources"][role]["Properties"]["Policies"]
    document: Document = policy["PolicyDocument"]
    return document


def grants_of(document: Document) -> list[Grant]:
    """What a policy allows, one action on one resource at a time."""
    return [
        Grant(number, action, resource)
        for number, statement in enumerate(document["Statement"])
        for action in _as_list(statement["Action"])
        for resource in _as_list(statement["Resource"])
    ]


def tls_only(template: Document) -> list[str]:
    """The logical ids of the queues and buckets whose policies refuse plain HTTP."""
    names: list[str] = []
    for each in template["Resources"].values():
        if each["Type"] == "AWS::SQS::QueuePolicy":
            names += [_name(queue) for queue in each["Properties"]["Queues"]]
        elif each["Type"] == "AWS::S3::BucketPolicy":
            names.append(_name(each["Properties"]["Bucket"]))
    return names


def refusing_tls(policy: str) -> str:
    """A TLS-only policy in JSON turned round: it refuses TLS to whoever writes.

    To writers alone, since it also binds who puts it back.
    """
    document = json.loads(policy)
    for statement in document["Statement"]:
        if statement["Effect"] == "Deny":
            statement["Action"] = _WRITES[statement["Action"]]
            statement["Condition"] = {"Bool": {"aws:SecureTransport": "true"}}
    return json.dumps(document)


def deployed_grant(permission: Permission, written: Document, deployed: Document) -> Grant:
    """The permission in the deployed policy, where resources have physical names: it stands in the same place."""
    named = [(grant.action, _name(grant.resource)) for grant in grants_of(written)]
    places = {(grant.statement, grant.action) for grant in grants_of(written)}
    granted = [grant for grant in grants_of(deployed) if (grant.statement, grant.action) in places]
    return granted[named.index((permission.action, permission.resource))]


def without(document: Document, taken: Grant) -> Document:
    """The policy without this grant, nor its twin for a batch of messages, an action that only ministack asks for."""
    gone = [taken, taken._replace(action=f"{taken.action}Batch")]
    statements = [
        {**document["Statement"][grant.statement], "Action": grant.action, "Resource": grant.resource}
        for grant in grants_of(document)
        if grant not in gone
    ]
    return {**document, "Statement": statements}


def _name(resource: Any) -> str:
    match resource:
        case {"Fn::GetAtt": [str(name), *_]} | {"Ref": str(name)}:
            return name
        case {"Fn::Sub": str(text)}:
            return text.replace("${", "").replace(".Arn}", "")
    raise ValueError(f"a resource that the table of proofs cannot name: {resource}")


def _as_list(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list) else [value]
