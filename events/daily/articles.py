"""content-pipeline: an article brief with the reporter's notes and the magazine's style guide."""

from collections.abc import Mapping
from typing import Any

from events.daily.draw import Draw, texts

TEXTS = texts("articles.yaml")
MEAN_CHARACTERS = 20_300
TITLES = [(name, title) for name, subject in TEXTS["subjects"].items() for title in subject["titles"]]
HELPERS = ("alone", "with a neighbour", "with two volunteers")
MONTHS = ("March", "April", "May", "June", "July", "August", "September", "October")


def params(draw: Draw, number: int) -> dict[str, Any]:
    """The Messages API's parameters of the article with this number; every title is used once before one repeats."""
    subject_name, title = TITLES[number % len(TITLES)]
    subject = TEXTS["subjects"][subject_name]
    brief = _brief(draw, subject, title, number)
    room = draw.size(MEAN_CHARACTERS, 0.2) - len(brief) - len(TEXTS["style_guide"])
    notes = _notes(draw, subject, room)
    return {
        "max_tokens": 4096 if draw.chance(0.35) else 3072,
        "system": TEXTS["style_guide"],
        "messages": [{"role": "user", "content": f"{brief}\n\n# Notes\n\n{notes}\n\nWrite the article now."}],
    }


def _brief(draw: Draw, subject: Mapping[str, Any], title: str, number: int) -> str:
    return "\n".join(
        [
            f"# Brief LM-2027-02/{number + 1:02d}",
            f"Working title: {title}",
            f"Angle: {subject['angle']}.",
            f"Readers: {draw.pick(TEXTS['audiences'])}.",
            f"Length: {draw.pick(subject['words'])} words.",
            f"Place: {draw.pick(TEXTS['places'])}.",
            f"Photographs: {draw.pick(TEXTS['photographers'])}, {draw.number(6, 31)} frames.",
            f"Wanted by the desk on {draw.number(24, 27)} November.",
        ]
    )


def _notes(draw: Draw, subject: Mapping[str, Any], room: int) -> str:
    """What was found out first, then letters and remarks, then as many days of the diary as make up the length."""
    parts = [_facts(draw, subject), _interview(draw, subject), _table(draw, subject), *_blocks(draw)]
    parts += [_letter(draw, subject, letter) for letter in draw.shuffled(TEXTS["letters"])[: draw.number(2, 4)]]
    room -= sum(map(len, parts))
    days: dict[int, str] = {}
    while sum(map(len, days.values())) < room:
        day = draw.number(0, 30 * len(MONTHS) - 1)
        days[day] = _diary_entry(draw, subject, MONTHS[day // 30], day % 30 + 1)
    return "\n\n".join([*parts, "## Diary", *(days[day] for day in sorted(days))])


def _facts(draw: Draw, subject: Mapping[str, Any]) -> str:
    return "## Checked\n" + "\n".join(f"- {fact}" for fact in draw.shuffled(subject["facts"]))


def _interview(draw: Draw, subject: Mapping[str, Any]) -> str:
    person = draw.pick(TEXTS["people"])
    asked = "\n".join(f"Q: {question}\nA: {answer}" for question, answer in draw.shuffled(subject["questions"]))
    return f"## Conversation with {', '.join(person)}, on {draw.number(2, 20)} November, recorded\n{asked}"


def _table(draw: Draw, subject: Mapping[str, Any]) -> str:
    rows = [[item, *(_figure(draw, *bounds) for bounds in subject["ranges"])] for item in subject["items"]]
    return "## Figures, from the notebook\n" + "\n".join(" ; ".join(row) for row in [subject["measure"], *rows])


def _figure(draw: Draw, low: int, high: int, divisor: int) -> str:
    value = draw.number(low, high)
    return str(value) if divisor == 1 else str(value / divisor)


def _blocks(draw: Draw) -> list[str]:
    """Two of the blocks that come from the desk and not from the reporter, with this article's numbers."""
    numbers = {letter: draw.number(3, 40) for letter in "abcdefg"}
    counts = {"all": draw.number(400, 900), "tried": draw.number(210, 390), "failed": draw.number(60, 200)}
    return [block.format(**numbers, **counts) for block in draw.shuffled(TEXTS["blocks"])[:2]]


def _diary_entry(draw: Draw, subject: Mapping[str, Any], month: str, day: int) -> str:
    degrees = draw.number(*TEXTS["degrees"][month])
    season = "cold" if degrees < 5 else "mild" if degrees < 18 else "warm"
    first, second = draw.shuffled(subject["items"])[:2]
    weather = draw.pick(TEXTS["weather"][season]).capitalize()
    remarks = " ".join(draw.shuffled(TEXTS["remarks"])[: draw.number(1, 3)])
    return (
        f"### {day} {month}\n{weather}; {degrees} degrees at {draw.number(7, 17)}:{draw.number(10, 59)}. "
        f"Looked at {first}, then {second}: {draw.pick(subject['observations'])} "
        f"Worked for {draw.number(2, 11) * 10} minutes, {draw.pick(HELPERS)}. {remarks}"
    )


def _letter(draw: Draw, subject: Mapping[str, Any], letter: str) -> str:
    name = draw.pick(TEXTS["people"])[0].split()
    filled = letter.format(
        name=f"{name[0][0]}. {name[-1]}",
        place=draw.pick(TEXTS["places"]),
        month=draw.pick(MONTHS),
        observation=draw.pick(subject["observations"]),
    )
    return f"### Letter\n{filled}"
