"""Every reason for which a message is turned away at the front door. docs/rejections.md has a section for each."""

from enum import StrEnum


class RejectionCode(StrEnum):
    """Stable codes: producers' programs may branch on them."""

    INVALID_JSON = "invalid_json"  # not one JSON value in UTF-8, or a number, text or depth that JSON cannot pass on
    DUPLICATE_KEY = "duplicate_key"  # an object has a key twice, and readers would disagree on which one holds
    MISSING_FIELD = "missing_field"
    INVALID_FIELD = "invalid_field"  # the wrong type, or outside the range that the sentence names
    UNKNOWN_FIELD = "unknown_field"  # of the message; what is in metadata is never looked at
    UNKNOWN_WORKLOAD = "unknown_workload"
    TWO_DEADLINES = "two_deadlines"
    INVALID_DEADLINE = "invalid_deadline"  # no RFC 3339 time, or further away than SQS keeps messages
    DEADLINE_PAST = "deadline_past"  # before the message was sent
    TWO_PARAMS = "two_params"  # inline and by reference
    UNKNOWN_PARAM = "unknown_param"  # of params: the API refuses what it does not know
    NEEDS_BETA = "needs_beta"  # a parameter of a beta feature, whose header is not sent
    NOT_IN_BATCHES = "not_in_batches"  # the batch API would refuse it, up to a day later
    STREAMING = "streaming"
    UNKNOWN_MODEL = "unknown_model"  # unknown, or without a price
    UNSUPPORTED_BY_MODEL = "unsupported_by_model"
    MAX_TOKENS_TOO_LARGE = "max_tokens_too_large"  # more than a call without streaming allows
    OBJECT_FOREIGN = "object_foreign"  # a claim check outside the workload's own inbox
    OBJECT_MISSING = "object_missing"
    OBJECT_CHANGED = "object_changed"  # its bytes are not those that the message promises
    OBJECT_TOO_LARGE = "object_too_large"
    CONFLICT = "conflict"  # another request came first under this id
