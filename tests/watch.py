"""Whoever is on call: sees the metrics that the handlers send, and whether an alarm of the real template rings."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from lanekeeper import clock, telemetry
from local.alarms.alarm import Alarm, read_alarm, resolve
from local.alarms.evaluate import State, state_of
from local.alarms.samples import Sample, samples_of
from local.parameters import defaults
from tests import stack
from tests.system import System


@dataclass
class Watch:
    """Every sample that a system's handlers have sent since it is watched, at the time of our own clock."""

    system: System
    capsys: pytest.CaptureFixture[str]
    samples: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        invoke = self.system.invoke
        variables = stack.environment("PollerFunction", self.system.ids, self.system.parameters)
        self.system.monkeypatch.setattr(telemetry.metrics, "namespace", variables["POWERTOOLS_METRICS_NAMESPACE"])

        def watched(*arguments: Any, **options: Any) -> Any:
            answer = invoke(*arguments, **options)
            self._look()
            return answer

        self.system.monkeypatch.setattr(self.system, "invoke", watched)

    def rings(self, alarm: str, *, in_minutes: float = 1) -> bool:
        """Whether this alarm rings, by default when the minute in which we are has passed."""
        now = clock.now() + timedelta(minutes=in_minutes)
        return state_of(alarm_of(alarm), self.samples, now=now) is State.ALARM

    def _look(self) -> None:
        """Powertools stamps samples by the machine's clock, which ours may be ahead of."""
        lines = self.capsys.readouterr().out.splitlines()
        self.samples += [replace(sample, at=sample.at + self.system.late) for sample in samples_of(lines)]


def alarm_of(name: str) -> Alarm:
    """One of the template's alarms with the default thresholds; a resource's name stands for itself."""
    resources = stack.translated()["Resources"]
    values = {each: each for each in resources} | defaults() | {"AWS::StackName": stack.STACK}
    return read_alarm(resolve(resources[name]["Properties"], values))
