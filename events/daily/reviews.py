"""code-review: a pull request as a true unified diff, with the files around it."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from events.daily.draw import texts
from events.daily.source import KINDS, placeholders

TEXTS = texts("reviews.yaml")
CODE = Path(__file__).parent / "code"


def params(number: int) -> dict[str, Any]:
    """The Messages API's parameters of the review with this number (there are five)."""
    request = TEXTS["requests"][number % len(TEXTS["requests"])]
    head = _description(request)
    diff = "".join(_diff(request["entities"][0], kind, request["edits"]) for kind in KINDS)
    files = _files(request["entities"], request["size"] - len(head) - len(diff) - len(TEXTS["instructions"]))
    content = f"{head}\n## Diff\n\n```diff\n{diff}```\n\n## Surrounding files, before the change\n\n{files}"
    return {
        "max_tokens": request["max_tokens"],
        "system": TEXTS["instructions"],
        "messages": [{"role": "user", "content": content}],
    }


def _description(request: Mapping[str, Any]) -> str:
    return (
        f"# {request['title']}\n\nBranch {request['branch']} into main, by {request['author']}\n\n"
        f"{request['description']}\n\nChecks: {request['checks']}\n"
    )


def _diff(entity: str, kind: str, edits: list[Mapping[str, str]]) -> str:
    before = (CODE / f"{kind}.txt").read_text(encoding="utf-8")
    after = before
    for edit in edits:
        if edit["file"] == kind:
            after = _replaced(after, edit)
    path = _path(entity, kind)
    names, old, new = placeholders(TEXTS["entities"], entity), Template(before), Template(after)
    lines = difflib.unified_diff(
        old.substitute(names).splitlines(keepends=True),
        new.substitute(names).splitlines(keepends=True),
        f"a/{path}",
        f"b/{path}",
        n=5,
    )
    return "".join(lines)


def _replaced(text: str, edit: Mapping[str, str]) -> str:
    if text.count(edit["old"]) != 1:
        raise ValueError(f"an edit of {edit['file']} does not fit: {edit['old'][:60]!r}")
    return text.replace(edit["old"], edit["new"])


def _files(entities: list[str], room: int) -> str:
    """The changed part of the service first, then what it stands on, then its neighbours while there is room."""
    shown = [_file(_path(entities[0], kind), _source(entities[0], kind)) for kind in KINDS]
    shown += [
        _file(f"parcelyard/{name}", (CODE / f"{name}.txt").read_text(encoding="utf-8")) for name in TEXTS["shared"]
    ]
    for entity in entities[1:]:
        for kind in KINDS:
            if sum(map(len, shown)) < room:
                shown.append(_file(_path(entity, kind), _source(entity, kind)))
    return "\n".join(shown)


def _source(entity: str, kind: str) -> str:
    text = (CODE / f"{kind}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(placeholders(TEXTS["entities"], entity))


def _path(entity: str, kind: str) -> str:
    plural = TEXTS["entities"][entity]["plural"]
    if kind.startswith("test_"):
        return f"tests/{plural}/{kind}"
    return f"migrations/{plural}.sql" if kind == "migration.sql" else f"parcelyard/{plural}/{kind}"


def _file(path: str, source: str) -> str:
    language = "sql" if path.endswith(".sql") else "python"
    return f"### {path}\n\n```{language}\n{source}```\n"
