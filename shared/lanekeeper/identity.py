"""Names of things: request keys, content hashes, ULIDs. Nothing here can be traced back to a producer's own id."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

ULID_LENGTH = 26

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def request_key(workload: str, request_id: str) -> str:
    """The key of a request's row: producers' ids may be e-mail addresses, so rows carry only this hash of them."""
    return hashlib.sha256(f"{workload}\0{request_id}".encode()).hexdigest()


def canonical_json(value: Any) -> bytes:
    """The one spelling of a JSON value: keys sorted, no spaces, UTF-8. Equal values have equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def params_hash(params: Mapping[str, Any]) -> str:
    """Tells a repeated request from another one under the same id."""
    return hashlib.sha256(canonical_json(params)).hexdigest()


def ulid(now: datetime, entropy: bytes) -> str:
    """A 26-character ULID: 48 bits of milliseconds, then 80 random bits. https://github.com/ulid/spec

    Two writers in the same millisecond must differ, so `entropy` is ten bytes from the system's random source
    (tests pass their own).
    """
    if len(entropy) != 10:
        raise ValueError(f"a ULID takes 10 random bytes, got {len(entropy)}")
    number = int(now.timestamp() * 1000) << 80 | int.from_bytes(entropy, "big")
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
