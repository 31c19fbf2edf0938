"""For each permission of the template the scene that needs it, or the reason why none can here.

A permission without a row, and a row without a permission, fail `make test` and `make check-roles`.
"""

from collections.abc import Mapping

from local.roles import batch_scenes as batch
from local.roles import scenes
from local.roles.permissions import Document, Permission, permissions_of, tls_only
from local.roles.scenes import Scene

LAMBDA_POLLS = "Lambda's own poller uses it for the function; ministack's asks nobody"
LAMBDA_MAY_POLL = "no code of ours uses it; SAM's own policy for pollers has it, so Lambda's may"
LAMBDA_LOGS = "Lambda uses it for the function; ministack writes logs without asking"
SCHEDULER_CALLS = "EventBridge Scheduler uses it; ministack's asks nobody"
MISSING_OR_FORBIDDEN = "decides whether a missing object is 404 or 403; ministack says 404 to everyone"
GIVEN_UP = "only where a workload says `on_late: fail`, and none in workloads.yaml does"
NO_CALLER = "only producers, people, Lambda, SQS and Scheduler call it, none of which has a role here"
NAMED_BY_AWS = "AWS names it for a copy beside s3:GetObjectVersion; ministack asks for the latter alone"
S3_FAILS = "only where S3 fails in the middle of an upload, which ministack does not"

RARE = "only where a rescue ends between two writes of the collector, which no scene can hit"

Proof = type[Scene] | str

PROOFS: Mapping[str, Mapping[str, Proof]] = {
    "ClassifierRole": {
        "sqs:ReceiveMessage on RequestQueue": LAMBDA_POLLS,
        "sqs:DeleteMessage on RequestQueue": LAMBDA_POLLS,
        "sqs:GetQueueAttributes on RequestQueue": LAMBDA_POLLS,
        "sqs:ChangeMessageVisibility on RequestQueue": LAMBDA_MAY_POLL,
        "dynamodb:GetItem on RequestsTable": GIVEN_UP,
        "dynamodb:PutItem on RequestsTable": scenes.UrgentRequest,
        "dynamodb:UpdateItem on RequestsTable": scenes.OrphanedRequest,
        "dynamodb:GetItem on BatchesTable": scenes.OrphanedRequest,
        "dynamodb:PutItem on BatchesTable": scenes.PatientRequest,
        "s3:PutObject on ContentBucket/segments/*": scenes.PatientRequest,
        "s3:PutObject on ContentBucket/requests/*": scenes.LargeUrgentRequest,
        "s3:PutObject on ContentBucket/rejected/*": scenes.RejectedMessage,
        "s3:PutObject on ContentBucket/results/*": GIVEN_UP,
        "s3:GetObjectVersion on ContentBucket/inbox/*": scenes.ClaimedRequest,
        "s3:ListBucket on ContentBucket": MISSING_OR_FORBIDDEN,
        "sqs:SendMessage on RealtimeQueue": scenes.UrgentRequest,
        "sqs:SendMessage on BatchQueue": scenes.PatientRequest,
        "sqs:SendMessage on RejectedQueue": scenes.RejectedMessage,
        "events:PutEvents on CompletionBus": scenes.RejectedMessage,
        "logs:CreateLogStream on ClassifierLogs": LAMBDA_LOGS,
        "logs:PutLogEvents on ClassifierLogs": LAMBDA_LOGS,
    },
    "RealtimeInvokerRole": {
        "sqs:ReceiveMessage on RealtimeQueue": LAMBDA_POLLS,
        "sqs:DeleteMessage on RealtimeQueue": LAMBDA_POLLS,
        "sqs:GetQueueAttributes on RealtimeQueue": LAMBDA_POLLS,
        "sqs:ChangeMessageVisibility on RealtimeQueue": scenes.AnsweredRequest,
        "sqs:SendMessage on RealtimeDeadLetterQueue": scenes.UnknownRequest,
        "sqs:SendMessage on RealtimeQueue": scenes.WornMessage,
        "dynamodb:GetItem on RequestsTable": scenes.AnsweredRequest,
        "dynamodb:UpdateItem on RequestsTable": scenes.AnsweredRequest,
        "dynamodb:GetItem on BatchesTable": scenes.LaneFailure,
        "dynamodb:UpdateItem on BatchesTable": scenes.LaneFailure,
        "dynamodb:PutItem on LedgerTable": scenes.AnsweredRequest,
        "s3:GetObject on ContentBucket/requests/*": scenes.LargeAnsweredRequest,
        "s3:GetObject on ContentBucket/segments/*": batch.RescuedRequest,
        "s3:GetObject on ContentBucket/results/*": scenes.RecoveredRequest,
        "s3:PutObject on ContentBucket/results/*": scenes.AnsweredRequest,
        "s3:ListBucket on ContentBucket": MISSING_OR_FORBIDDEN,
        "secretsmanager:GetSecretValue on ClaudeSecret": scenes.KeyReadByInvoker,
        "events:PutEvents on CompletionBus": scenes.AnsweredRequest,
        "logs:CreateLogStream on RealtimeInvokerLogs": LAMBDA_LOGS,
        "logs:PutLogEvents on RealtimeInvokerLogs": LAMBDA_LOGS,
    },
    "BatchSubmitterRole": {
        "dynamodb:BatchGetItem on RequestsTable": batch.RescuedSegment,
        "dynamodb:UpdateItem on RequestsTable": batch.RescuedSegment,
        "sqs:ReceiveMessage on BatchQueue": LAMBDA_POLLS,
        "sqs:DeleteMessage on BatchQueue": LAMBDA_POLLS,
        "sqs:GetQueueAttributes on BatchQueue": LAMBDA_POLLS,
        "sqs:ChangeMessageVisibility on BatchQueue": batch.UnripeSegment,
        "dynamodb:Query on BatchesTable/index/open": batch.RipeSegment,
        "dynamodb:GetItem on BatchesTable": batch.RipeSegment,
        "dynamodb:PutItem on BatchesTable": batch.RipeSegment,
        "dynamodb:UpdateItem on BatchesTable": batch.RipeSegment,
        "s3:GetObject on ContentBucket/segments/*": batch.RipeSegment,
        "s3:PutObject on ContentBucket/incoming/*": batch.RefusedRequest,
        "s3:AbortMultipartUpload on ContentBucket/incoming/*": S3_FAILS,
        "secretsmanager:GetSecretValue on ClaudeSecret": scenes.KeyReadBySubmitter,
        "logs:CreateLogStream on BatchSubmitterLogs": LAMBDA_LOGS,
        "logs:PutLogEvents on BatchSubmitterLogs": LAMBDA_LOGS,
    },
    "PollerScheduleRole": {
        "lambda:InvokeFunction on PollerFunction": SCHEDULER_CALLS,
        "sqs:SendMessage on PollerDeadLetterQueue": SCHEDULER_CALLS,
    },
    "PollerRole": {
        "dynamodb:Query on BatchesTable/index/open": batch.HeldBatch,
        "dynamodb:GetItem on BatchesTable": batch.DoubtfulBatch,
        "dynamodb:PutItem on BatchesTable": batch.HeldBatch,
        "dynamodb:UpdateItem on BatchesTable": batch.HeldBatch,
        "s3:GetObject on ContentBucket/segments/*": batch.HeldBatch,
        "s3:PutObject on ContentBucket/incoming/*": batch.RefusedHeldBatch,
        "s3:AbortMultipartUpload on ContentBucket/incoming/*": S3_FAILS,
        "dynamodb:BatchGetItem on RequestsTable": batch.RescuedHeldBatch,
        "dynamodb:UpdateItem on RequestsTable": batch.NearDeadline,
        "s3:PutObject on ContentBucket/results/*": GIVEN_UP,
        "sqs:SendMessage on RealtimeQueue": batch.NearDeadline,
        "events:PutEvents on CompletionBus": batch.NearDeadline,
        "sqs:SendMessage on BatchQueue": batch.ForgottenSegment,
        "sqs:SendMessage on CollectQueue": batch.EndedBatch,
        "secretsmanager:GetSecretValue on ClaudeSecret": scenes.KeyReadByPoller,
        "logs:CreateLogStream on PollerLogs": LAMBDA_LOGS,
        "logs:PutLogEvents on PollerLogs": LAMBDA_LOGS,
    },
    "CollectorRole": {
        "sqs:ReceiveMessage on CollectQueue": LAMBDA_POLLS,
        "sqs:DeleteMessage on CollectQueue": LAMBDA_POLLS,
        "sqs:GetQueueAttributes on CollectQueue": LAMBDA_POLLS,
        "sqs:ChangeMessageVisibility on CollectQueue": LAMBDA_MAY_POLL,
        "dynamodb:GetItem on BatchesTable": batch.CollectedBatch,
        "dynamodb:PutItem on BatchesTable": batch.CollectedBatch,
        "dynamodb:UpdateItem on BatchesTable": batch.CollectedBatch,
        "dynamodb:BatchGetItem on RequestsTable": batch.CollectedBatch,
        "dynamodb:GetItem on RequestsTable": RARE,
        "dynamodb:UpdateItem on RequestsTable": batch.CollectedBatch,
        "dynamodb:PutItem on LedgerTable": batch.CollectedBatch,
        "s3:GetObject on ContentBucket/incoming/*": NAMED_BY_AWS,
        "s3:GetObjectVersion on ContentBucket/incoming/*": batch.CollectedBatch,
        "s3:PutObject on ContentBucket/incoming/*": batch.CollectedBatch,
        "s3:AbortMultipartUpload on ContentBucket/incoming/*": batch.CutDownload,
        "s3:GetObjectVersion on ContentBucket/quarantine/*": batch.ReleasedBatch,
        "s3:PutObject on ContentBucket/quarantine/*": batch.QuarantinedBatch,
        "s3:AbortMultipartUpload on ContentBucket/quarantine/*": S3_FAILS,
        "s3:GetObject on ContentBucket/segments/*": batch.CollectedBatch,
        "s3:PutObject on ContentBucket/segments/*": batch.CollectedBatch,
        "s3:PutObject on ContentBucket/results/*": batch.CollectedBatch,
        "s3:AbortMultipartUpload on ContentBucket/results/*": S3_FAILS,
        "sqs:SendMessage on BatchQueue": batch.CollectedBatch,
        "secretsmanager:GetSecretValue on ClaudeSecret": scenes.KeyReadByCollector,
        "events:PutEvents on CompletionBus": batch.CollectedBatch,
        "logs:CreateLogStream on CollectorLogs": LAMBDA_LOGS,
        "logs:PutLogEvents on CollectorLogs": LAMBDA_LOGS,
    },
    "AuditorScheduleRole": {
        "lambda:InvokeFunction on AuditorFunction": SCHEDULER_CALLS,
    },
    "AuditorRole": {
        "dynamodb:Scan on RequestsTable": batch.AuditedBatch,
        "dynamodb:Scan on BatchesTable": batch.AuditedBatch,
        "dynamodb:BatchGetItem on RequestsTable": batch.AuditedBatch,
        "dynamodb:BatchGetItem on BatchesTable": batch.AuditedBatch,
        "dynamodb:Query on LedgerTable": batch.AuditedBatch,
        "s3:GetObject on ContentBucket/segments/*": batch.AuditedBatch,
        "s3:GetObject on ContentBucket/results/*": batch.AuditedBatch,
        "s3:ListBucket on ContentBucket": batch.AuditedBatch,
        "sqs:GetQueueAttributes on RequestQueue": batch.AuditedBatch,
        "sqs:GetQueueAttributes on RequestDeadLetterQueue": batch.AuditedBatch,
        "sqs:GetQueueAttributes on RealtimeQueue": batch.AuditedBatch,
        "sqs:GetQueueAttributes on RealtimeDeadLetterQueue": batch.AuditedBatch,
        "secretsmanager:GetSecretValue on ClaudeSecret": scenes.KeyReadByAuditor,
        "logs:CreateLogStream on AuditorLogs": LAMBDA_LOGS,
        "logs:PutLogEvents on AuditorLogs": LAMBDA_LOGS,
    },
}


# The queues and the bucket whose policies refuse plain HTTP: a policy that refuses TLS instead shuts the functions out.
TLS_ONLY: Mapping[str, Proof] = {
    "RequestQueue": NO_CALLER,
    "RequestDeadLetterQueue": NO_CALLER,
    "RejectedQueue": scenes.RejectedMessage,
    "RealtimeQueue": scenes.UrgentRequest,
    "RealtimeDeadLetterQueue": scenes.UnknownRequest,
    "BatchQueue": scenes.PatientRequest,
    "BatchDeadLetterQueue": NO_CALLER,
    "PollerDeadLetterQueue": NO_CALLER,
    "CollectQueue": batch.EndedBatch,
    "CollectDeadLetterQueue": NO_CALLER,
    "ContentBucket": scenes.PatientRequest,
}


def proof_of(permission: Permission) -> Proof:
    """The permission's row."""
    return PROOFS[permission.role][str(permission)]


def differences(template: Document) -> list[str]:
    """Where table and template do not say the same, a sentence each."""
    given = {f"{each.role}: {each}" for each in permissions_of(template)} | {
        f"TLS_ONLY: {n}" for n in tls_only(template)
    }
    told = {f"{role}: {words}" for role, rows in PROOFS.items() for words in rows} | {
        f"TLS_ONLY: {n}" for n in TLS_ONLY
    }
    return [
        *(f"{each} is in the template, but has no row in local/roles/table.py" for each in sorted(given - told)),
        *(f"{each} has a row in local/roles/table.py, but is not in the template" for each in sorted(told - given)),
    ]
