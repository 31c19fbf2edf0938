"""The models that the emulator serves, with the limits that the API publishes for them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model. Since version 4.6 an id carries no date; before, an undated alias stands for the dated id."""

    id: str
    line: str
    version: tuple[int, int]
    alias: str | None = None
    max_input_tokens: int = 1_000_000
    max_tokens: int = 128_000

    @property
    def display_name(self) -> str:
        major, minor = self.version
        return f"Claude {self.line.title()} {major}.{minor}" if minor else f"Claude {self.line.title()} {major}"

    @property
    def takes_sampling(self) -> bool:
        """Whether temperature, top_p and top_k may differ from their defaults."""
        return self.version < (4, 7)

    @property
    def takes_geo(self) -> bool:
        """Whether a request may choose where inference runs."""
        return self.version >= (4, 6)

    @property
    def takes_prefill(self) -> bool:
        """Whether the last message may be the assistant's."""
        return self.version < (4, 6)


def _model(line: str, major: int, minor: int = 0) -> Model:
    suffix = f"-{minor}" if minor else ""
    return Model(id=f"claude-{line}-{major}{suffix}", line=line, version=(major, minor))


def _dated(line: str, date: str) -> Model:
    alias = f"claude-{line}-4-5"
    return Model(
        id=f"{alias}-{date}", alias=alias, line=line, version=(4, 5), max_input_tokens=200_000, max_tokens=64_000
    )


MODELS = (
    _model("fable", 5, 2),
    _model("haiku", 5, 5),
    _model("sonnet", 5, 5),
    _model("opus", 5, 5),
    _model("sonnet", 5),
    _model("opus", 5),
    _model("opus", 4, 8),
    _model("opus", 4, 7),
    _model("sonnet", 4, 6),
    _model("opus", 4, 6),
    _dated("opus", "20251101"),
    _dated("haiku", "20251001"),
    _dated("sonnet", "20250929"),
)
BY_ID = {model.id: model for model in MODELS} | {model.alias: model for model in MODELS if model.alias}


def model_json(model: Model) -> dict[str, Any]:
    """The model as GET /v1/models shows it; release dates are not known here, which the API writes as the epoch."""
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.display_name,
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "line": model.line,
        "max_input_tokens": model.max_input_tokens,
        "max_tokens": model.max_tokens,
        "capabilities": {"batch": {"supported": True}},
    }
