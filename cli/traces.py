"""Every object in which something of one request lies, and how it is forgotten there."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from cli.journey import Journey, TraceLostError
from cli.versions import Versioned, Versions
from lanekeeper import moments
from lanekeeper.forgotten import forgotten_answer, forgotten_entry, forgotten_message, forgotten_prompt
from lanekeeper.results import custom_id
from lanekeeper.spool import claim_notes, index_key, lines_key, result_key

Forget = Callable[[bytes], bytes]  # a line as it is to be; the same line where nothing is to be taken from it


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One object that may hold something of the request."""

    what: str  # for the person who is asked: prompt, answer, …
    found: Versioned
    forget: Forget | None  # None: the object goes as a whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """All traces of one request, as the bucket stands now. Raises TraceLostError where one cannot be followed."""

    request_id: str
    row: Mapping[str, str]
    journey: Journey
    versions: Versions

    def __iter__(self) -> Iterator[Trace]:
        """The indexes come last, the oldest first: without them the rest could not be found after a crash."""
        yield from self._prompts()
        yield from self._answers()
        for key in sorted(self._claimed()):  # before the note that says where it lies
            for found in self._named(key):
                yield Trace(what="upload", found=found, forget=None)
        forget = partial(forgotten_message, key=self.row["request_key"])
        for found in self.versions.objects(f"requests/{self.row['request_key']}-"):
            yield Trace(what="large request", found=found, forget=forget)
        yield from self._set_aside()
        yield from self._entries()

    def _set_aside(self) -> Iterator[Trace]:
        """What was odd in the downloads of its batches: lines of any of their requests, which no reader is sent to."""
        for batch_id in self.journey.batches:
            for found in self.versions.objects(f"quarantine/{batch_id}/"):
                yield Trace(what="quarantine", found=found, forget=None)

    def _prompts(self) -> Iterator[Trace]:
        for segment, sequence in self.journey.segments.items():
            for found in self._named(lines_key(segment)):
                if sequence is not None:
                    prompt = _where("custom_id", custom_id(segment, sequence), forgotten_prompt)
                    yield Trace(what="prompt", found=found, forget=prompt)
                elif found.newest is not None:
                    raise TraceLostError(
                        f"the index of segment {segment} is gone: its lines leave by the retention rule"
                    )

    def _entries(self) -> Iterator[Trace]:
        entry = _where("key", self.row["request_key"], forgotten_entry)
        for segment in reversed(self.journey.segments):
            for found in self._named(index_key(segment)):
                yield Trace(what="id and metadata", found=found, forget=entry)

    def _answers(self) -> Iterator[Trace]:
        answer = _where("id", self.request_id, forgotten_answer)
        places = [self.row["answer_key"], *(item["answers"] for item in self.journey.batches.values())]
        places += [f"incoming/{batch_id}/" for batch_id in self.journey.batches]
        name = f"realtime-{self.row['request_key']}-"
        for day in _days(self.row["accepted_at"], self.row["finished_at"]):
            places.append(result_key(self.row["workload"], day, name).removesuffix(".jsonl"))
        found_at = {found.key: found for place in places for found in self.versions.objects(place)}
        yield from (Trace(what="answer", found=found, forget=answer) for found in found_at.values())

    def _claimed(self) -> set[str]:
        """The objects of the inbox that the params came from: each delivery has noted its own."""
        keys = set[str]()
        for note in self.versions.objects(claim_notes(self.row["request_key"])):
            for version in note.versions:
                if version.size is not None:
                    keys.update(json.loads(line).get("key", "") for line in self.versions.lines(note, version))
        return keys - {""}

    def _named(self, key: str | None) -> Iterator[Versioned]:
        if key is not None:
            yield from (found for found in self.versions.objects(key) if found.key == key)


def rejected_traces(message_id: str, versions: Versions) -> Iterator[Trace]:
    """The original of a rejected message, and what was written about it."""
    for found in versions.objects("rejected/"):
        if found.key.rpartition("/")[2].partition(".")[0] == message_id:
            yield Trace(what="rejected message", found=found, forget=None)


def _where(field: str, value: str, forgotten: Forget) -> Forget:
    """Forgets the lines whose `field` has this value. What cannot match is not parsed: there may be 100 MB."""
    quoted = json.dumps(value, ensure_ascii=False).encode()

    def forget(line: bytes) -> bytes:
        return forgotten(line) if quoted in line and json.loads(line).get(field) == value else line

    return forget


def _days(first: str, last: str) -> Iterator[str]:
    """The UTC dates from one moment to another."""
    day, end = moments.from_text(first), moments.day_of(moments.from_text(last))
    while moments.day_of(day) <= end:
        yield moments.day_of(day)
        day += timedelta(days=1)
