"""Tables and the bucket: they outlive mistakes, and content does not outlive its time."""

import re

import pytest

from tests.template.reading import RESOURCES, ROLES, TABLES, as_list, of_type, statements

BUCKET = of_type("AWS::S3::Bucket")["ContentBucket"]


@pytest.mark.parametrize("name", [*TABLES, "ContentBucket"])
def test_data_stays_when_its_stack_is_deleted_or_it_is_replaced(name: str) -> None:
    assert (RESOURCES[name]["DeletionPolicy"], RESOURCES[name]["UpdateReplacePolicy"]) == ("Retain", "Retain")


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_paid_by_use_and_can_be_restored_to_any_second(table: str) -> None:
    assert TABLES[table]["BillingMode"] == "PAY_PER_REQUEST"
    assert TABLES[table]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


@pytest.mark.parametrize("table", TABLES)
def test_in_production_a_table_cannot_be_deleted(table: str) -> None:
    assert TABLES[table]["DeletionProtectionEnabled"] == {"Fn::If": ["IsProduction", True, False]}


def test_requests_and_batches_expire_and_what_was_billed_does_not() -> None:
    expiring = {name: table.get("TimeToLiveSpecification") for name, table in TABLES.items()}
    by_time = {"AttributeName": "expires_at", "Enabled": True}
    assert expiring == {"RequestsTable": by_time, "BatchesTable": by_time, "LedgerTable": None}


def test_the_bucket_is_private_in_every_way_that_s3_knows() -> None:
    assert set(BUCKET["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(BUCKET["PublicAccessBlockConfiguration"]) == 4
    assert BUCKET["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_the_bucket_is_encrypted_and_keeps_what_is_overwritten() -> None:
    (rule,) = BUCKET["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert BUCKET["VersioningConfiguration"] == {"Status": "Enabled"}


@pytest.mark.parametrize("folder", ["segments", "incoming", "requests", "rejected", "results"])
def test_content_goes_when_its_time_is_over(folder: str) -> None:
    (rule,) = [each for each in BUCKET["LifecycleConfiguration"]["Rules"] if folder.startswith(each.get("Prefix", ""))]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", {"Ref": "ContentRetentionDays"})
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_functions_touch_the_folders_named_above_only() -> None:
    resources = [each for role in ROLES for statement in statements(role) for each in as_list(statement["Resource"])]
    written = {
        re.sub(r".*\}/(\w+)/\*", r"\1", each["Fn::Sub"])
        for each in resources
        if "ContentBucket" in str(each) and "Fn::Sub" in each
    }
    assert written == {"inbox", "segments", "requests", "incoming", "quarantine", "results", "rejected"}
