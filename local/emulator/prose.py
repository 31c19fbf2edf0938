"""Text that reads like an answer, of any length, the same for the same seed."""

from functools import cache
from random import Random

CHARACTERS_PER_TOKEN = 4

_SENTENCES = """\
The short answer is that it depends on how often the underlying data changes and who has to act on it.
A good first step is to write down what the current process does before deciding what to replace.
In practice, most of the delay comes from waiting for a reply rather than from the work itself.
There are two reasons for this, and they pull in opposite directions.
The first is cost: every additional call adds a little, and a little adds up over a month.
The second is trust, because a result that nobody can check is a result that nobody will use.
Start with the smallest change that could possibly work, and measure it for a full week.
If the numbers hold, widen the scope to the neighbouring team and repeat the measurement.
It helps to keep a dated note of each decision together with the evidence behind it.
Customers notice consistency far more than they notice speed, as long as the wait stays predictable.
A table with three columns is usually enough: what was promised, what happened, and what comes next.
Where two sources disagree, prefer the one that is closer to the event and say so plainly.
This also explains why the second quarter looked better than it really was.
Nothing here requires a new tool, although a shared checklist would make the hand-over easier.
Once the backlog is sorted by age, the oldest items tend to reveal the same missing information.
Ask for that information at the very start, and the rest of the conversation becomes shorter.
Returns are accepted within thirty days, and the refund reaches the original payment method within a week.
You can change the delivery address until the parcel leaves the warehouse, usually in the early evening.
The function reads well, but its error path returns the same value as its success path.
Moving the validation in front of the loop removes a whole class of partial failures.
Naming the timeout after the operation it protects would make the configuration easier to read.
A test that fails when this guard is removed would be worth more than the three that only restate it.
Readers who want the background can skip ahead; the summary at the end stands on its own.
The region has grown steadily for a decade, driven by small firms rather than by a single large employer.
Prices rose in spring, levelled out over the summer, and have been drifting down since early autumn.
None of the alternatives is free of trade-offs, so it is worth listing them side by side.
The simplest option costs the most per unit and the least per hour of attention.
The cheapest option needs somebody who looks at it every morning.
Between the two lies a compromise that most teams reach after their first unpleasant surprise.
Keep the old path open until the new one has survived a holiday, a holiday being the real test.
As a rule, anything that must be explained twice should be written down once.
That is also the point at which an outside view becomes valuable.
If you share a recent example, I can go through it line by line and mark what I would change.
To sum up, begin small, measure honestly, and let the result decide the next step.
""".splitlines()


@cache
def _corpus() -> tuple[str, tuple[int, ...]]:
    """About sixty thousand characters, and where its sentences begin."""
    chooser = Random(46)  # noqa: S311 - prose, not a secret
    sentences = [sentence for _ in range(20) for sentence in chooser.sample(_SENTENCES, len(_SENTENCES))]
    starts, position = [], 0
    for sentence in sentences:
        starts.append(position)
        position += len(sentence) + 1
    return " ".join(sentences) + " ", tuple(starts)


def answer_text(seed: int, tokens: int) -> str:
    """Prose of about `tokens` tokens, never more."""
    corpus, starts = _corpus()
    start, length = starts[seed % len(starts)], tokens * CHARACTERS_PER_TOKEN
    repeats = (start + length) // len(corpus) + 1
    text = (corpus * repeats)[start : start + length]
    return _cut(text)


def _cut(text: str) -> str:
    """Up to the last whole sentence, where that is most of the text, else up to the last whole word."""
    sentence_end = text.rfind(". ") + 1
    if sentence_end > len(text) * 0.9:
        return text[:sentence_end]
    return text[: text.rfind(" ")].rstrip(",;:. ") + "." if " " in text else text
