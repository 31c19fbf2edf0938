"""Identifiers as the API spells them: a prefix, a version, 22 characters of base 58."""

from random import Random

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LENGTH = 22


def base58(digest: bytes) -> str:
    number, characters = int.from_bytes(digest, "big"), []
    for _ in range(_LENGTH):
        number, place = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[place])
    return "".join(characters)


def new_id(prefix: str, random: Random) -> str:
    """For example `msgbatch_01` and 22 characters that were never used before."""
    return f"{prefix}_01{base58(random.randbytes(_LENGTH))}"
