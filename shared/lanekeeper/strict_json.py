"""JSON as strangers send it, read so that everybody who reads it later reads the same."""

from typing import Any

import jiter

from lanekeeper.errors import RejectedError
from lanekeeper.rejections import RejectionCode


def read_json(data: bytes, what: str) -> Any:
    """The one value that the bytes hold; `what` names them in a rejection, which quotes nothing of them.

    Refused beside what is no JSON: text that is not UTF-8 or has lone surrogates, NaN and infinities, integers of more
    than 4,300 digits, nesting deeper than 200, and a key twice in one object. A float beyond all bounds is let through
    as infinity: `canonical_json` refuses it.
    """
    try:
        return jiter.from_json(data, catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError:
        raise _rejection(data, what) from None  # the chained text would quote the key


def _rejection(data: bytes, what: str) -> RejectedError:
    try:
        jiter.from_json(data, allow_inf_nan=False)
    except ValueError:
        return RejectedError(
            RejectionCode.INVALID_JSON,
            f"{what} is not one JSON value in UTF-8: write it with a JSON library, without NaN, infinity, lone "
            "surrogates, numbers of thousands of digits, or nesting deeper than 200",
        )
    return RejectedError(RejectionCode.DUPLICATE_KEY, f"an object in {what} has a key twice: keep one of the two")
