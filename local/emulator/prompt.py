"""How long a prompt is, and where its cacheable prefixes end."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple

from local.emulator.errors import invalid
from local.emulator.params import CacheControl, OtherBlock, Prompt, TextBlock, Tool, Turn
from local.emulator.prose import CHARACTERS_PER_TOKEN

MAX_BREAKPOINTS = 4
# An image's or a document's tokens do not follow from the length of its base64 text.
TOKENS_PER_FILE = 1_600


class Breakpoint(NamedTuple):
    """The prefix that ends at a `cache_control`: its hash, its length in tokens, and how long to keep it."""

    digest: bytes
    tokens: int
    ttl: str


class Piece(NamedTuple):
    """One block of a prompt, in the order in which a prompt is cached: tools, system, messages."""

    text: str
    tokens: int
    cache_control: CacheControl | None


class Shape(NamedTuple):
    """What a prompt costs: its tokens, and its breakpoints from the front to the back."""

    tokens: int
    breakpoints: tuple[Breakpoint, ...]


def measure(prompt: Prompt) -> Shape:
    """About four characters a token; the same prompt always measures the same."""
    hasher, tokens, breakpoints = sha256(), 0, []
    pieces = list(_pieces(prompt))
    if prompt.cache_control:
        pieces[-1] = pieces[-1]._replace(cache_control=prompt.cache_control)
    for piece in pieces:
        hasher.update(piece.text.encode())
        hasher.update(b"\0")
        tokens += piece.tokens
        if piece.cache_control:
            breakpoints.append(Breakpoint(hasher.digest(), tokens, piece.cache_control.ttl))
    if len(breakpoints) > MAX_BREAKPOINTS:
        raise invalid(
            f"A maximum of {MAX_BREAKPOINTS} blocks with cache_control may be provided. Found {len(breakpoints)}."
        )
    return Shape(tokens, tuple(breakpoints))


def _pieces(prompt: Prompt) -> Iterator[Piece]:
    for tool in prompt.tools or ():
        yield _other(tool)
    yield from _content(prompt.system or "")
    for turn in prompt.messages:
        yield from _turn(turn)


def _turn(turn: Turn) -> Iterator[Piece]:
    pieces = list(_content(turn.content))
    # The role belongs to the prefix: the same words from another mouth are another prompt.
    yield from (piece._replace(text=f"{turn.role}\0{piece.text}") for piece in pieces)


def _content(content: str | list[TextBlock] | list[TextBlock | OtherBlock]) -> Iterator[Piece]:
    if isinstance(content, str):
        if content:
            yield Piece(content, _tokens(content), None)
        return
    for block in content:
        yield _other(block) if isinstance(block, OtherBlock) else _text(block)


def _text(block: TextBlock) -> Piece:
    return Piece(block.text, _tokens(block.text), block.cache_control)


def _other(block: OtherBlock | Tool) -> Piece:
    text = json.dumps(block.model_dump(exclude={"cache_control"}), sort_keys=True)
    source = (block.model_extra or {}).get("source")
    is_file = isinstance(source, dict) and source.get("type") != "text"
    return Piece(text, TOKENS_PER_FILE if is_file else _tokens(text), block.cache_control)


def _tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)
