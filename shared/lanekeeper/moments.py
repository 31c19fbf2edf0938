"""Moments as text: UTC, milliseconds, fixed width, so that DynamoDB compares and sorts them as strings."""

from datetime import UTC, datetime


def to_text(moment: datetime) -> str:
    """`2026-11-23T08:30:00.123Z`; raises ValueError for a moment without a time zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """Reads RFC 3339, ours and Claude's; raises ValueError where the text is none or names no offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment needs an offset, like Z or +01:00")
    return moment.astimezone(UTC)


def day_of(moment: datetime) -> str:
    """The UTC date, `2026-11-23`: the day a cost belongs to and the prefix an answer lies under."""
    return moment.astimezone(UTC).date().isoformat()
