"""What a person can set for the demo: environment variables, since make passes them on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from local.host import ROOT

DAILY_REQUESTS = ROOT / "events" / "daily_requests.jsonl"
REAL_CLAUDE = "https://api.anthropic.com"
PATIENCE_MINUTES = 60.0  # with a Claude that keeps its own time: most batches end within the hour


class UsageError(Exception):
    """A setting that cannot work; the message says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """REQUESTS, CLAUDE_URL, ANTHROPIC_API_KEY, LIVE, JSON, KEEP, SECURED and MINUTES, read and checked."""

    requests: Path
    claude_url: str | None  # None: the emulator, started and asked for its account
    api_key: str | None  # stored in the local stack's secret, and nowhere else
    live: bool  # the real Claude, a handful of small requests
    json_file: Path | None
    keep: bool
    secured: bool  # the functions' roles and the TLS-only policies are enforced
    minutes: float | None  # the most to wait for answers; None: by the number of requests

    @property
    def claude(self) -> str:
        """Who answers, in a word for the report."""
        return "emulator" if self.claude_url is None else self.claude_url


def read_options(environment: Mapping[str, str]) -> Options:
    """Raises UsageError where the settings contradict each other."""
    live = _switch(environment, "LIVE")
    requests = environment.get("REQUESTS", "")
    key = environment.get("ANTHROPIC_API_KEY") or None
    if live and not key:
        raise UsageError("LIVE=1 needs an API key in ANTHROPIC_API_KEY.")
    if live and requests:
        raise UsageError("LIVE=1 sends a handful of small requests of its own: leave REQUESTS out.")
    url = environment.get("CLAUDE_URL") or (REAL_CLAUDE if live else None)
    return Options(
        requests=_file(requests),
        claude_url=_url(url),
        api_key=key if url else None,
        live=live,
        json_file=_target(environment.get("JSON", "")),
        keep=_switch(environment, "KEEP"),
        secured=_switch(environment, "SECURED"),
        minutes=_minutes(environment.get("MINUTES"), PATIENCE_MINUTES if url else None),
    )


def _switch(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").lower() not in {"", "0", "no", "false"}


def _file(text: str) -> Path:
    path = Path(text) if text else DAILY_REQUESTS
    if not path.is_file():
        raise UsageError(f"REQUESTS: there is no file {path}.")
    return path


def _target(text: str) -> Path | None:
    """Told now rather than when all is done."""
    path = Path(text) if text else None
    if path and not path.absolute().parent.is_dir():
        raise UsageError(f"JSON: there is no folder {path.parent}.")
    return path


def _url(url: str | None) -> str | None:
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise UsageError("CLAUDE_URL must be a base URL like http://127.0.0.1:4600.")
    return url.rstrip("/")


def _minutes(text: str | None, default: float | None) -> float | None:
    try:
        minutes = float(text) if text else default
    except ValueError:
        minutes = 0
    if minutes is not None and not 0 < minutes < 1_440:
        raise UsageError("MINUTES is how long to wait for answers: a number above 0, below 1440.")
    return minutes
