"""The Claude API, called so that nothing happens twice: no retries of the client's own, every answer sorted into
given, refused (nothing happened) or unclear (it may have happened). The only module that imports `anthropic`."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import anthropic
import httpx2
from anthropic.types import MessageCountTokensParams

from lanekeeper.errors import ClaudeError, ClaudeRefusedError, ClaudeUnclearError, ClaudeUnreachableError
from lanekeeper.models import ClaudeBatch
from lanekeeper.refusals import Call, Move, move

BATCHES = "/v1/messages/batches"
LIST_LIMIT = 1000
JSON = {"content-type": "application/json"}
STREAMED = {"X-Stainless-Raw-Response": "stream"}  # the SDK's word for: do not read the body yet
NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
PERHAPS_EXECUTED = {408, 499}  # 4xx that speak of the connection, not of the request
KEY_REFUSED = {401, 403}
COUNTED = frozenset(MessageCountTokensParams.__annotations__)  # what a count of tokens takes of a message's params
PATIENCE_SECONDS = 60.0

_Answer = TypeVar("_Answer")


@lru_cache(maxsize=2)
def connect(api_key: str, base_url: str) -> anthropic.Anthropic:
    """A client that never retries by itself and records nothing of what it carries; kept while the key is the same."""
    return anthropic.Anthropic(
        api_key=api_key, base_url=base_url, max_retries=0, timeout=PATIENCE_SECONDS, open_telemetry=False
    )


class Page(NamedTuple):
    """A page of the listing, newest first."""

    batches: list[ClaudeBatch]
    has_more: bool


def no_other_key(_used: str) -> str | None:
    """For a client whose key never changes."""
    return None


@dataclass(frozen=True, slots=True)
class Claude:
    """Every call that Lanekeeper makes. Raises ClaudeRefusedError or ClaudeUnclearError, whose texts quote nothing.

    A call whose key is refused is made once more with the newest key, if that is another one: the refusal was a
    definite no, so nothing happens twice.
    """

    client: anthropic.Anthropic
    newest_key: Callable[[str], str | None] = no_other_key  # another key than the one that was refused, if there is one

    def answer(self, params: bytes, *, timeout: float) -> bytes:
        """One Messages call; returns the message's JSON. Never repeated for want of an answer: a repeat is billed."""
        return self._call(
            lambda client: (
                client.post(
                    "/v1/messages",
                    content=params,
                    cast_to=httpx2.Response,
                    options={"headers": JSON, "timeout": timeout},
                ).content
            )
        )

    def takes_prompt(self, params: Mapping[str, Any], *, timeout: float) -> bool | None:
        """Whether Claude would count this prompt's tokens, which is free: False where it calls it a bad request.

        None where it says neither. What only a message has, `max_tokens` and the like, is left out.
        """
        prompt = json.dumps({name: value for name, value in params.items() if name in COUNTED}).encode()
        try:
            self._call(
                lambda client: client.post(
                    "/v1/messages/count_tokens",
                    content=prompt,
                    cast_to=httpx2.Response,
                    options={"headers": JSON, "timeout": timeout},
                )
            )
        except ClaudeRefusedError as error:
            return False if move(error, Call.MESSAGES) is Move.EVIDENCE else None
        except ClaudeError:
            return None
        return True

    def create(self, body: Callable[[], Iterator[bytes]], *, size: int, timeout: float) -> ClaudeBatch:
        """Creates a batch from a body of `size` bytes, streamed. There is no idempotency key: this is one POST.

        `body` makes the stream anew for the one repeat with another key.
        """
        headers = JSON | {"content-length": str(size)}
        return self._call(
            lambda client: batch_of(
                client.post(
                    BATCHES,
                    content=body(),
                    cast_to=httpx2.Response,
                    options={"headers": headers, "timeout": timeout},
                ).json()
            )
        )

    def newest(self) -> ClaudeBatch | None:
        """The workspace's newest batch."""
        latest = self._page(limit=1).batches
        return latest[0] if latest else None

    def listed(self) -> Iterator[ClaudeBatch]:
        """The workspace's batches, newest first, page by page as they are asked for."""
        after: dict[str, str] = {}
        while True:
            page = self._page(limit=LIST_LIMIT, **after)
            yield from page.batches
            if not page.has_more:
                return
            after = {"after_id": page.batches[-1].id}

    def latest_batches(self) -> list[ClaudeBatch]:
        """The newest batches of the workspace, as many as one call tells."""
        return self._page(limit=LIST_LIMIT).batches

    def retrieve(self, batch_id: str) -> ClaudeBatch:
        with _sorted_errors():
            return batch_of(self._get(f"{BATCHES}/{batch_id}").json())

    def cancel(self, batch_id: str) -> ClaudeBatch:
        """Asks Claude to stop; what it has begun may still be answered and billed. A repeat changes nothing."""
        address = f"{BATCHES}/{batch_id}/cancel"
        return self._call(lambda client: batch_of(client.post(address, cast_to=httpx2.Response).json()))

    @contextmanager
    def results(self, batch: ClaudeBatch) -> Iterator[Iterator[bytes]]:
        """The result rows as raw lines, in no order. The path alone is taken from Claude's address of them: our key
        goes to no other host."""
        base = str(self.client.base_url.path).rstrip("/")
        path = (batch.results_path or f"{BATCHES}/{batch.id}/results").removeprefix(base)
        response = self._get(path, headers=STREAMED)
        try:
            yield _lines(response)
        finally:
            response.close()

    def _page(self, **query: Any) -> Page:
        with _sorted_errors():
            document = self._get(BATCHES, params=query).json()
            return Page([batch_of(batch) for batch in document["data"]], document.get("has_more", False))

    def _get(self, path: str, **options: Any) -> httpx2.Response:
        request: Any = options
        return self._call(lambda client: client.get(path, cast_to=httpx2.Response, options=request))

    def _call(self, deed: Callable[[anthropic.Anthropic], _Answer]) -> _Answer:
        used = str(self.client.api_key)
        try:
            with _sorted_errors():
                return deed(self.client)
        except ClaudeRefusedError as error:
            newest = self.newest_key(used) if error.status in KEY_REFUSED else None
            if newest is None:
                raise
        with _sorted_errors():
            return deed(connect(newest, str(self.client.base_url)))


def batch_of(document: Mapping[str, Any]) -> ClaudeBatch:
    """Reads a batch object of the API."""
    address = urlsplit(document.get("results_url") or "")
    return ClaudeBatch(
        id=document["id"],
        ended=document["processing_status"] == "ended",
        created_at=document["created_at"],
        ended_at=document.get("ended_at"),
        results_path=(address.path + (f"?{address.query}" if address.query else "")) or None,
        counts=document["request_counts"],
    )


def _lines(response: httpx2.Response) -> Iterator[bytes]:
    rest = b""
    with _sorted_errors():
        for block in response.iter_bytes():
            *whole, rest = (rest + block).split(b"\n")
            yield from whole
    if rest:
        yield rest


@contextmanager
def _sorted_errors() -> Iterator[None]:
    """Sorts what can go wrong; causes are cut off, since their texts may quote a request."""
    try:
        yield
    except anthropic.APIStatusError as error:
        raise _refused_or_unclear(error) from None
    except (anthropic.APIError, httpx2.HTTPError, httpx2.StreamError) as error:
        if isinstance(error.__cause__, NEVER_SENT):
            raise ClaudeUnreachableError(type(error.__cause__).__name__) from None
        timed_out = isinstance(error, anthropic.APITimeoutError)
        raise ClaudeUnclearError(type(error).__name__, timed_out=timed_out) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ClaudeUnclearError(f"an answer that is none: {type(error).__name__}", unreadable=True) from None


def _refused_or_unclear(error: anthropic.APIStatusError) -> ClaudeError:
    status, retry_after = error.status_code, _seconds(error.response.headers.get("retry-after"))
    if status < 400:  # a redirect that was not followed: whatever sent it, it was not Claude
        return ClaudeUnclearError(f"HTTP {status}", unreadable=True)
    if status >= 500 or status in PERHAPS_EXECUTED:
        return ClaudeUnclearError(f"HTTP {status}", status=status, retry_after=retry_after)
    return ClaudeRefusedError(
        status,
        error.type or "unknown",
        error_code=error.error_code,
        retry_after=retry_after,
        body=error.body if isinstance(error.body, dict) else None,  # a proxy in between answers in HTML
    )


def _seconds(header: str | None) -> float | None:
    try:
        return None if header is None else max(0.0, float(header))
    except ValueError:  # an HTTP date: we have our own pace for these
        return None
