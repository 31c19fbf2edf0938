"""The lane of a request, rule by rule."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanekeeper.classify import class_of, classify
from lanekeeper.models import Decision, Lane, Priority, Request, Stage
from lanekeeper.policy import Batching, Workload

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def decide(
    minutes: float = 600,
    *,
    priority: Priority = Priority.NORMAL,
    batch: Batching = Batching.WHEN_IT_PAYS,
    stage: Stage = Stage.PRODUCTION,
    waited: float = 0,
) -> Decision:
    sent_at = NOW - timedelta(minutes=waited)
    request = Request(
        id="r",
        workload="w",
        params={"model": "claude-sonnet-4-6"},
        priority=priority,
        sent_at=sent_at,
        deadline=sent_at + timedelta(minutes=minutes),
        metadata={},
    )
    return classify(request, Workload(name="w", batch=batch), stage=stage, now=NOW)


@pytest.mark.parametrize(
    ("asked", "lane", "reason"),
    [
        pytest.param({}, Lane.BATCH, "deadline-allows", id="time-enough"),
        pytest.param({"minutes": 60}, Lane.BATCH, "deadline-allows", id="exactly-an-hour"),
        pytest.param({"minutes": 60, "waited": 4}, Lane.BATCH, "deadline-allows", id="an-hour-less-our-own-queue"),
        pytest.param({"minutes": 60, "waited": 6}, Lane.REALTIME, "deadline-too-near", id="waited-too-long"),
        pytest.param({"minutes": 59.9}, Lane.REALTIME, "deadline-too-near", id="less-than-an-hour"),
        pytest.param({"priority": Priority.HIGH}, Lane.REALTIME, "priority-high", id="urgent"),
        pytest.param({"batch": Batching.NEVER}, Lane.REALTIME, "workload-never-batches", id="never"),
        pytest.param({"batch": Batching.ALWAYS, "minutes": 5}, Lane.BATCH, "workload-always-batches", id="always"),
        pytest.param(
            {"batch": Batching.ALWAYS, "priority": Priority.HIGH},
            Lane.REALTIME,
            "priority-high",
            id="urgent-all-the-same",
        ),
        pytest.param({"stage": Stage.DEVELOPMENT}, Lane.REALTIME, "development-stage", id="development"),
    ],
)
def test_the_first_rule_that_fits_decides(asked: dict[str, object], lane: Lane, reason: str) -> None:
    assert decide(**asked) == Decision(lane, reason)  # type: ignore[arg-type]


@given(st.floats(1, 20_000), st.floats(0, 20_000))
def test_a_later_deadline_never_moves_a_request_to_real_time(minutes: float, more: float) -> None:
    if decide(minutes).lane is Lane.BATCH:
        assert decide(minutes + more).lane is Lane.BATCH


@pytest.mark.parametrize(
    ("hours", "band"),
    [
        pytest.param(-1, "2h", id="past"),
        pytest.param(2, "2h", id="border"),
        pytest.param(2.1, "6h", id="above"),
        pytest.param(24, "24h", id="day"),
        pytest.param(25, "later", id="later"),
    ],
)
def test_a_class_is_a_workload_and_a_band_of_time_left(hours: float, band: str) -> None:
    assert class_of("articles", timedelta(hours=hours)) == f"articles.{band}"
