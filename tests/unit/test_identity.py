"""Names: equal content has equal hashes, and a ULID sorts by time and never repeats."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lanekeeper.identity import canonical_json, params_hash, request_key, ulid

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_equal_params_have_equal_hashes_whatever_their_order() -> None:
    assert params_hash({"a": 1, "b": [True, None]}) == params_hash({"b": [True, None], "a": 1})
    assert params_hash({"a": 1}) != params_hash({"a": "1"})


def test_the_same_id_in_two_workloads_is_two_requests() -> None:
    assert request_key("a", "b") != request_key("ab", "")


@given(st.binary(min_size=10, max_size=10), st.integers(1, 10**9))
def test_ulids_sort_by_time(entropy: bytes, milliseconds: int) -> None:
    later = NOW + timedelta(milliseconds=milliseconds)
    assert len(ulid(NOW, entropy)) == 26
    assert ulid(NOW, b"\xff" * 10) < ulid(later, entropy)


def test_two_ulids_of_one_moment_differ_by_their_entropy() -> None:
    assert ulid(NOW, b"0123456789") != ulid(NOW, b"0123456788")


def test_canonical_json_is_utf8_without_spaces() -> None:
    assert canonical_json({"ü": [1, 2]}) == '{"ü":[1,2]}'.encode()
