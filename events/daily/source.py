"""Fills the code templates of the reviewed service: an entity's fields become lines of Python and SQL."""

from collections.abc import Iterable, Mapping
from typing import Any

KINDS = ("models.py", "repository.py", "service.py", "api.py", "migration.sql", "test_service.py")
PYTHON = {"text": "str", "int": "int", "money": "Decimal", "flag": "bool"}
SQL = {
    "text": "text NOT NULL",
    "int": "integer NOT NULL",
    "money": "numeric(10, 2) NOT NULL",
    "flag": "boolean NOT NULL",
}
READ = {"text": 'row["{0}"]', "int": 'int(row["{0}"])', "money": 'Decimal(row["{0}"])', "flag": 'bool(row["{0}"])'}
MADE = {
    "text": 'str(values["{0}"])',
    "int": 'int(values["{0}"])',
    "money": 'Decimal(values["{0}"])',
    "flag": 'bool(values["{0}"])',
}
SHOWN = {"text": "{0}", "int": "{0}", "money": "str({0})", "flag": "{0}"}
SAMPLE = {"text": '"{0}-7"', "int": "12", "money": '"18.50"', "flag": "False"}
CHECK = {
    "text": ("not self.{0}.strip()", "must not be empty"),
    "int": ("self.{0} < 0", "must not be negative"),
    "money": ('self.{0} != self.{0}.quantize(Decimal("0.01"))', "two decimals at most"),
}
WRONG = {"text": '" "', "int": "-1", "money": '"0.001"'}


def placeholders(entities: Mapping[str, Any], name: str) -> dict[str, str]:
    """Everything that code/*.txt mentions as ${…}, for one entity."""
    entity = entities[name]
    names = _names(name, entity["plural"])
    return names | _states(names["Name"], entity["states"]) | _fields(name, entity["fields"]) | _tests(entity["fields"])


def _names(name: str, plural: str) -> dict[str, str]:
    return {
        "name": name,
        "Name": name.title().replace("_", ""),
        "words": name.replace("_", " "),
        "plural": plural,
        "table": plural,
        "path": plural.replace("_", "-"),
        "words_plural": plural.replace("_", " "),
        "Words_plural": plural.replace("_", " ").capitalize(),
        "prefix": "".join(part[:3] for part in name.split("_")),
        "sweep_hours": str(6 + len(name)),
    }


def _states(class_name: str, states: list[str]) -> dict[str, str]:
    """Each state leads to the next one, and each but the last two also straight to the last."""
    last_two = [state.lower() for state in states[-2:]]
    return {
        "first_state": states[0],
        "first_state_lower": states[0].lower(),
        "second_state": states[1],
        "state_lines": _lines(4, (f'{state} = "{state.lower()}"' for state in states)),
        "allowed_lines": _lines(4, (_allowed(class_name, states, at) for at in range(len(states)))),
        "final_names": ", ".join(f'"{state}"' for state in states[-2:]),
        "sql_states": ", ".join(f"'{state.lower()}'" for state in states),
        "sql_final": ", ".join(f"'{state}'" for state in last_two),
    }


def _allowed(class_name: str, states: list[str], at: int) -> str:
    following = [] if at >= len(states) - 2 else list(dict.fromkeys([states[at + 1], states[-1]]))
    values = ", ".join(f"{class_name}State.{state}" for state in following)
    return (
        f"{class_name}State.{states[at]}: frozenset({{{values}}}),"
        if following
        else f"{class_name}State.{states[at]}: frozenset(),"
    )


def _fields(name: str, fields: Mapping[str, str]) -> dict[str, str]:
    def each(indent: int, line: str, forms: Mapping[str, str]) -> str:
        return _lines(indent, (line.format(field, forms[kind].format(field)) for field, kind in fields.items()))

    return {
        "field_lines": each(4, "{0}: {1}", PYTHON),
        "column_lines": _lines(4, (f'"{field}",' for field in fields)),
        "from_row_lines": each(8, "{0}={1},", READ),
        "create_lines": each(12, "{0}={1},", MADE),
        "encode_lines": _lines(
            8, (f'"{field}": {SHOWN[kind].format(f"{name}.{field}")},' for field, kind in fields.items())
        ),
        "sql_lines": each(4, "{0:<11} {1},", SQL),
        "test_value_lines": each(4, '"{0}": {1},', SAMPLE),
        "check_lines": _lines(8, (_check(field, kind) for field, kind in fields.items() if kind in CHECK)),
    }


def _check(field: str, kind: str) -> str:
    condition, reason = CHECK[kind]
    return f'if {condition}:\n            raise ValidationFailed("{field}", "{reason}")'.format(field)


def _tests(fields: Mapping[str, str]) -> dict[str, str]:
    cases = [
        f"def test_{field}_is_checked(service):\n"
        f'    with pytest.raises(ValidationFailed, match="{field}"):\n'
        f'        service.create(DEPOT, VALUES | {{"{field}": {WRONG[kind]}}})\n\n\n'
        for field, kind in fields.items()
        if kind in WRONG
    ]
    return {"test_check_lines": "".join(cases).rstrip("\n") + "\n\n"}


def _lines(indent: int, lines: Iterable[str]) -> str:
    return "\n".join(" " * indent + line for line in lines)
