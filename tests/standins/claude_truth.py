"""What Claude really did: how often each request ran, and what that cost, whatever anybody was told of it."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from lanekeeper.identity import params_hash
from lanekeeper.pricing import standard_prices
from lanekeeper.usage import Usage


@dataclass
class Truth:
    """Everything by the hash of a request's params: its id at Claude differs from attempt to attempt."""

    in_batch: Counter[str] = field(default_factory=Counter)  # executions that were billed
    in_realtime: Counter[str] = field(default_factory=Counter)
    micro_usd: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))  # of all of them
    micro_usd_in_batch: Decimal = Decimal(0)
    micro_usd_in_realtime: dict[str, Decimal] = field(default_factory=dict)  # of one execution
    _planned: dict[str, list[str]] = field(default_factory=dict)
    _bad_prompts: set[str] = field(default_factory=set)

    def plan(self, params: Mapping[str, Any], *outcomes: str) -> None:
        """What becomes of a request's next attempts: `expired`, `canceled`, or an error's type. Then it succeeds."""
        self._planned[params_hash(params)] = list(outcomes)
        if "invalid_request_error" in outcomes:
            self._bad_prompts.add(str(params["messages"]))

    def is_bad_prompt(self, params: Mapping[str, Any]) -> bool:
        """Whether it is the prompt that Claude calls invalid: what is counted names nothing else."""
        return str(params["messages"]) in self._bad_prompts

    def outcome_in_batch(self, asked: str) -> str:
        planned = self._planned.get(asked)
        return planned.pop(0) if planned else "succeeded"

    def outcome_in_realtime(self, asked: str) -> str:
        """Only what is wrong with the request itself shows here; the rest are a batch's own troubles."""
        planned = self._planned.get(asked, [])
        return "invalid_request_error" if "invalid_request_error" in planned else "succeeded"

    def bill(self, asked: str, message: Mapping[str, Any], *, batch: bool, at: datetime) -> None:
        (self.in_batch if batch else self.in_realtime)[asked] += 1
        cost = standard_prices().price(message["model"], Usage.from_api(message["usage"]), batch=batch, at=at)
        if cost is None:
            raise ValueError(f"no price for {message['model']}")
        self.micro_usd[asked] += cost.micro_usd
        if batch:
            self.micro_usd_in_batch += cost.micro_usd
        else:
            self.micro_usd_in_realtime[asked] = cost.micro_usd

    def billed(self) -> Decimal:
        return sum(self.micro_usd.values(), Decimal(0))


def message_for(asked: str, model: str, *, batch: bool) -> dict[str, Any]:
    """The one answer to the params of this hash: which request it answers can be read in it."""
    return {
        "id": f"msg_{asked[:20]}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": f"answer to {asked}"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 10 + int(asked[:2], 16),
            "output_tokens": 1 + int(asked[2:4], 16),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "service_tier": "batch" if batch else "standard",
        },
    }
