"""Where a stack can be found: the names that its outputs give."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from botocore.exceptions import ClientError

from lanekeeper.client.errors import UnknownStackError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

NO_SUCH_STACK = "ValidationError"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The parts of one stack that its producers speak to."""

    queue_url: str  # RequestQueueUrl
    content_bucket: str  # ContentBucketName
    requests_table: str  # RequestsTableName
    ledger_table: str  # LedgerTableName

    @classmethod
    def of_outputs(cls, stack: str, outputs: Mapping[str, str]) -> Self:
        """Raises UnknownStackError where the stack is not one of ours."""
        try:
            return cls(
                queue_url=outputs["RequestQueueUrl"],
                content_bucket=outputs["ContentBucketName"],
                requests_table=outputs["RequestsTableName"],
                ledger_table=outputs["LedgerTableName"],
            )
        except KeyError as error:
            raise UnknownStackError(
                f"the stack {stack} has no output {error.args[0]}: name the stack that Lanekeeper was deployed as,"
                " or deploy it again"
            ) from error


def find(stack: str, cloudformation: "CloudFormationClient") -> Addresses:
    """Reads a stack's addresses. Raises UnknownStackError."""
    return Addresses.of_outputs(stack, outputs_of(stack, cloudformation))


def outputs_of(stack: str, cloudformation: "CloudFormationClient") -> dict[str, str]:
    """Reads a stack's outputs; needs cloudformation:DescribeStacks. Raises UnknownStackError."""
    try:
        (description,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != NO_SUCH_STACK:
            raise
        region = cloudformation.meta.region_name
        raise UnknownStackError(
            f"there is no stack {stack} in {region} of this AWS account: name another stack, region or profile"
        ) from error
    return {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}
