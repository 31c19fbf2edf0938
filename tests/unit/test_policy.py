"""workloads.yaml: one line is enough, and an error names workload, field and remedy."""

from datetime import timedelta
from typing import Any

import pytest

from lanekeeper.errors import RegistryError
from lanekeeper.policy import Batching, Notify, OnLate, Workload, registry_of
from lanekeeper.registry import deployed_registry


def test_one_line_is_enough() -> None:
    assert registry_of({"articles": {"max_latency": "24h"}, "reviews": None}) == {
        "articles": Workload(name="articles", max_latency=timedelta(hours=24)),
        "reviews": Workload(name="reviews"),
    }


def test_every_setting_is_read() -> None:
    settings = {"max_latency": "90m", "batch": "always", "on_late": "wait", "notify": "each"}
    assert registry_of({"w": settings})["w"] == Workload(
        name="w",
        max_latency=timedelta(minutes=90),
        batch=Batching.ALWAYS,
        on_late=OnLate.WAIT,
        notify=Notify.EACH,
    )


@pytest.mark.parametrize(
    ("document", "words"),
    [
        pytest.param([], "map workload names", id="no-mapping"),
        pytest.param({"Big Name": {}}, "1 to 40 of a-z", id="bad-name"),
        pytest.param({"w": "24h"}, "settings are a mapping", id="no-settings"),
        pytest.param({"w": {"max_latncy": "24h"}}, "unknown setting max_latncy", id="misspelt"),
        pytest.param({"w": {"max_latency": "soon"}}, "a time like 30m", id="no-time"),
        pytest.param({"w": {"max_latency": "0h"}}, "a time like 30m", id="no-time-at-all"),
        pytest.param({"w": {"batch": "often"}}, "never, when_it_pays, always", id="no-choice"),
    ],
)
def test_an_error_says_what_to_change(document: Any, words: str) -> None:
    with pytest.raises(RegistryError, match=words):
        registry_of(document)


def test_the_shipped_registry_holds_the_demo_workloads() -> None:
    assert set(deployed_registry()) >= {"live-chat", "content-pipeline", "code-review"}
