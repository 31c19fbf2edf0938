"""`lanekeeper plan` as a person and as a program meet it."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from cli.main import main
from cli.output import json_text, money
from lanekeeper.pricing import standard_prices

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
EXAMPLE = ROOT / "examples" / "workloads.csv"

ROWS: list[dict[str, Any]] = [
    {
        "name": "content-pipeline",
        "latency_minutes": 1440,
        "requests_per_day": 500,
        "input_tokens": 5000,
        "output_tokens": 3000,
        "model": "claude-sonnet-4-6",
    },
    {
        "name": "live-chat",
        "latency_minutes": 1,
        "requests_per_day": 6666.67,
        "input_tokens": 3000,
        "output_tokens": 1000,
        "model": "claude-sonnet-4-6",
    },
]
HEADER = ",".join(ROWS[0])


def run(*arguments: str | Path, columns: int = 80, stdin: str | None = None) -> Result:
    environment = {"COLUMNS": str(columns), "NO_COLOR": None, "FORCE_COLOR": None, "TTY_COMPATIBLE": None}
    return CliRunner().invoke(main, ["plan", *map(str, arguments)], env=environment, input=stdin)


def done(*arguments: str | Path, columns: int = 80, stdin: str | None = None) -> str:
    result = run(*arguments, columns=columns, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def refusal(*arguments: str | Path, stdin: str | None = None) -> str:
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 2
    assert result.stdout == ""
    return result.stderr


def csv_of(rows: list[dict[str, Any]]) -> str:
    return "\n".join([HEADER, *(",".join(map(str, row.values())) for row in rows)])


def in_lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_decision_matrix_looks_as_recorded(columns: int) -> None:
    assert in_lines(done(EXAMPLE, columns=columns)) == in_lines((GOLDEN / f"plan-{columns}.txt").read_text("utf-8"))


@pytest.mark.parametrize("columns", [80, 100, 120, 200])
def test_no_figure_is_cut_and_no_line_is_too_long(columns: int) -> None:
    lines = done(EXAMPLE, columns=columns).splitlines()
    assert max(map(len, lines)) <= columns
    assert "…" not in "".join(lines)


def test_what_goes_into_a_file_has_no_colours() -> None:
    assert "\x1b" not in done(EXAMPLE)


def test_json_is_the_list_of_rows_with_dollars_of_two_decimals() -> None:
    text = done(EXAMPLE, "--json")
    assert in_lines(text) == in_lines((GOLDEN / "plan.json").read_text("utf-8"))
    rows = json.loads(text, parse_float=Decimal)
    assert [str(row["real_time_monthly"]) for row in rows] == ["4800.00", "900.00", "405.00"]
    assert [str(row["monthly_savings"]) for row in rows] == ["0.00", "450.00", "202.50"]
    assert sum(row["monthly_savings"] for row in rows) == Decimal("652.50")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("w.csv", csv_of(ROWS), id="csv"),
        pytest.param("w.csv", "\ufeff" + csv_of(ROWS).replace("\n", "\r\n"), id="csv-from-a-spreadsheet"),
        pytest.param("w.csv", csv_of(ROWS).replace(",", ", "), id="csv-with-spaces"),
        pytest.param("w", csv_of(ROWS), id="csv-without-extension"),
        pytest.param("w.json", json.dumps(ROWS), id="json"),
        pytest.param("w", "\n\n" + json.dumps(ROWS, indent=2), id="json-without-extension"),
        pytest.param("w.yaml", yaml.safe_dump(ROWS), id="yaml"),
        pytest.param("w.yml", "# name, latency_minutes\n" + yaml.safe_dump(ROWS), id="yaml-with-a-comment"),
        pytest.param("w.yaml", yaml.safe_dump(ROWS, default_flow_style=True), id="flow-yaml"),
        pytest.param("w", "# ours\n" + yaml.safe_dump(ROWS), id="yaml-without-extension"),
    ],
)
def test_the_same_workloads_give_the_same_plan_in_every_format(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    assert json.loads(done(file, "--json")) == [
        {
            "name": "content-pipeline",
            "recommendation": "batch",
            "real_time_monthly": 900.00,
            "batch_monthly": 450.00,
            "monthly_savings": 450.00,
            "reason": "may wait 24 h; a batch costs half",
        },
        {
            "name": "live-chat",
            "recommendation": "realtime",
            "real_time_monthly": 4800.00,
            "batch_monthly": 2400.00,
            "monthly_savings": 0.00,
            "reason": "due within 1 min; a batch may take 60 min",
        },
    ]


def test_workloads_can_come_through_a_pipe() -> None:
    assert json.loads(done("-", "--json", stdin=csv_of(ROWS)))[0]["name"] == "content-pipeline"


def test_columns_of_ones_own_are_left_alone() -> None:
    rows = [{**ROWS[0], "owner": "press"}]
    assert json.loads(done("-", "--json", stdin=json.dumps(rows)))[0]["recommendation"] == "batch"


@pytest.mark.parametrize(
    ("options", "lanes"),
    [
        pytest.param([], ["batch", "realtime"], id="defaults"),
        pytest.param(["--min-latency", "1441"], ["realtime", "realtime"], id="patient"),
        pytest.param(["--min-latency", "1"], ["batch", "batch"], id="exactly-the-latency"),
        pytest.param(["--min-saving", "450"], ["batch", "realtime"], id="exactly-the-saving"),
        pytest.param(["--min-saving", "450.01"], ["realtime", "realtime"], id="a-cent-more"),
    ],
)
def test_the_thresholds_are_options(options: list[str], lanes: list[str]) -> None:
    rows = json.loads(done("-", "--json", *options, stdin=csv_of(ROWS)))
    assert [row["recommendation"] for row in rows] == lanes


def test_where_nothing_pays_the_total_says_so() -> None:
    assert "Nothing is recommended for batch." in done("-", "--min-saving", "1000", stdin=csv_of(ROWS))


@pytest.mark.parametrize("value", ["-1", "ten", "NaN", "Infinity"])
def test_a_threshold_that_is_no_amount_is_refused(value: str) -> None:
    assert "is not a number of 0 or more" in refusal("-", f"--min-saving={value}", stdin=csv_of(ROWS))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        pytest.param("name", "", "name: is empty or cannot be shown; give the workload a name", id="no-name"),
        pytest.param("name", "\x1b[2J", "name: is empty or cannot be shown", id="control-characters"),
        pytest.param(
            "latency_minutes", "1h", "latency_minutes: '1h'; write how long an answer may take as minutes", id="unit"
        ),
        pytest.param("latency_minutes", "", "latency_minutes: is empty; write how long", id="empty"),
        pytest.param("requests_per_day", "many", "requests_per_day: 'many'; write the requests of a day", id="word"),
        pytest.param("requests_per_day", "-5", "requests_per_day: '-5'; write", id="negative"),
        pytest.param("requests_per_day", "NaN", "requests_per_day: 'NaN'; write", id="not-a-number"),
        pytest.param("requests_per_day", "1e999999", "requests_per_day: '1e999999'; write", id="absurd"),
        pytest.param(
            "input_tokens", "3k", "input_tokens: '3k'; write the tokens of an average request", id="thousands"
        ),
        pytest.param(
            "output_tokens", "10.5", "output_tokens: '10.5' is not whole; write the tokens", id="half-a-token"
        ),
        pytest.param("model", "", "model: is empty or cannot be shown; name a model", id="no-model"),
        pytest.param(
            "model",
            "claude-sonnet-4-6-20250929",
            "model: claude-sonnet-4-6-20250929 has no known price; the nearest known model is claude-sonnet-4-6",
            id="model-that-does-not-exist",
        ),
        pytest.param(
            "model", "gpt-4o", "model: gpt-4o has no known price; known are claude-fable-5-2", id="foreign-model"
        ),
    ],
)
def test_a_wrong_cell_is_named_by_row_and_column_with_what_to_write(column: str, value: str, message: str) -> None:
    text = csv_of([ROWS[0], {**ROWS[1], column: value}])
    error = " ".join(refusal("-", stdin=text).split())
    assert "cannot be planned: line 3, " + message in error


def test_json_and_yaml_rows_are_named_by_their_place_in_the_list() -> None:
    rows = [ROWS[0], {**ROWS[1], "requests_per_day": True, "model": None}]
    for text in (json.dumps(rows), yaml.safe_dump(rows)):
        error = refusal("-", stdin=text)
        assert "workload 2, requests_per_day: 'True'; write" in error
        assert "workload 2, model: is empty" in error


def test_all_wrong_cells_are_told_at_once_and_many_are_counted() -> None:
    error = refusal("-", stdin=csv_of([{**ROWS[0], "input_tokens": "x", "output_tokens": "y"} for _ in range(7)]))
    assert error.count("line") == 10
    assert "and 4 more" in error


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        pytest.param("w.csv", "name,model\na,b", "line 1: there is no column latency_minutes", id="columns-missing"),
        pytest.param("w.csv", csv_of(ROWS).replace(",", ";"), "line 1: there is no column", id="semicolons"),
        pytest.param(
            "w.csv", csv_of(ROWS).replace("6666.67", "6,666.67"), "line 3: more cells than columns", id="comma"
        ),
        pytest.param("w.csv", HEADER + "\n" + "x" * 200_000, "line 2: not CSV", id="an-endless-cell"),
        pytest.param("w.csv", HEADER, "there is no workload in the file", id="header-only"),
        pytest.param("w.csv", "", "line 1: there is no column name", id="empty"),
        pytest.param(
            "w.csv", csv_of([ROWS[0], ROWS[0]]), "line 3, name: content-pipeline stands in the list twice", id="twice"
        ),
        pytest.param("w.json", "[{]", "line 1: not JSON", id="broken-json"),
        pytest.param("w.json", "[" * 100_000, "not JSON", id="deep-json"),
        pytest.param("w.json", "[]", "there is no workload in the file", id="empty-list"),
        pytest.param("w.json", "[1]", "workload 1, all: not a workload", id="a-number-in-the-list"),
        pytest.param(
            "w.json", '{\n"name": 1}', "line 1: not a JSON object; a log has one whole object a line", id="object"
        ),
        pytest.param("w.yaml", "- {", "line 1: not YAML", id="broken-yaml"),
        pytest.param("w.yaml", "name: x", "not a list of workloads", id="yaml-mapping"),
        pytest.param("w.yaml", "", "not a list of workloads", id="empty-yaml"),
        pytest.param("w.jsonl", "\n", "the log is empty", id="empty-log"),
    ],
)
def test_a_file_that_is_no_list_of_workloads_is_refused_with_the_remedy(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    assert message in refusal(file)


def test_a_model_whose_price_is_yet_to_begin_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    price = {"model": "claude-next", "valid_from": "2999-01-01", "input": 1, "output": 1}
    monkeypatch.setattr("cli.plan.standard_prices", lambda: standard_prices().with_private([price]))
    assert "no price of claude-next is valid today" in refusal("-", stdin=csv_of([{**ROWS[0], "model": "claude-next"}]))


def test_a_file_in_another_encoding_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_bytes(csv_of([{**ROWS[0], "name": "prüfung"}]).encode("latin-1"))
    assert "is not UTF-8 text" in refusal(tmp_path / "w.csv")
    assert "does not exist" in refusal(tmp_path / "none.csv")


def message(*, prompt: str, **fields: Any) -> dict[str, Any]:
    params = {
        "model": "claude-sonnet-4-6",
        "max_tokens": 100,
        "system": "x" * 40,
        "messages": [{"role": "user", "content": [{"type": "text", "text": prompt}]}],
    }
    return {"id": "1", "workload": "w", "params": params} | fields


def log_of(*rows: dict[str, Any]) -> str:
    return "\n".join(map(json.dumps, rows))


LOG = log_of(
    *[
        {
            "workload": "chat",
            "priority": "high",
            "model": "claude-sonnet-4-6",
            "usage": {"input_tokens": 1000, "output_tokens": 0},
        }
    ]
    * 9,
    {"workload": "report", "model": "claude-sonnet-4-6", "input_tokens": 91_000, "output_tokens": 0, "latency_ms": 1},
)


def test_a_log_with_usage_is_weighed_by_tokens() -> None:
    assert json.loads(done("-", "--json", stdin=LOG)) == {
        "requests": 10,
        "estimated_requests": 0,
        "unpriced_requests": {},
        "urgent": {
            "requests": 9,
            "requests_share": 0.9,
            "tokens": 9000,
            "tokens_share": 0.09,
            "real_time_cost": 0.03,
            "batch_cost": 0.01,
        },
        "normal": {
            "requests": 1,
            "requests_share": 0.1,
            "tokens": 91_000,
            "tokens_share": 0.91,
            "real_time_cost": 0.27,
            "batch_cost": 0.14,
        },
        "real_time_cost": 0.30,
        "savings": 0.14,
        "savings_share": 0.455,
        "savings_share_by_tokens": 0.455,
        "savings_share_by_requests": 0.05,
    }


def test_a_log_is_shown_as_recorded() -> None:
    unpriced = log_of({"model": "claude-[red]x\x1b", "usage": {"input_tokens": 9, "output_tokens": 9}})
    log = "\n".join([LOG, log_of(message(prompt="y" * 4000)), unpriced])
    assert in_lines(done("-", stdin=log)) == in_lines((GOLDEN / "plan-log-80.txt").read_text("utf-8"))


def test_without_usage_the_tokens_are_estimated_and_it_says_so() -> None:
    image = {"type": "image", "source": {"type": "base64", "data": "A" * 4000}}
    with_image = message(prompt="y" * 41)
    with_image["params"]["messages"][0]["content"].append(image)
    document = json.loads(done("-", "--json", stdin=log_of(with_image)))
    assert document["estimated_requests"] == 1
    assert document["normal"]["tokens"] == 21 + 100  # (40 + 41) / 4, rounded up, and max_tokens
    assert "Estimated" in done("-", stdin=log_of(with_image))


@pytest.mark.parametrize(
    ("fields", "is_urgent"),
    [
        pytest.param({}, False, id="nothing-said"),
        pytest.param({"priority": "normal"}, False, id="normal"),
        pytest.param({"priority": None}, False, id="null"),
        pytest.param({"priority": "high"}, True, id="high"),
        pytest.param({"max_latency_minutes": 59.9}, True, id="soon"),
        pytest.param({"max_latency_minutes": 60}, False, id="exactly-an-hour"),
        pytest.param({"priority": "high", "max_latency_minutes": 600}, True, id="high-all-the-same"),
    ],
)
def test_a_request_is_urgent_by_its_priority_or_its_latency(fields: dict[str, Any], is_urgent: bool) -> None:
    document = json.loads(done("-", "--json", stdin=log_of(message(prompt="y", **fields))))
    assert document["urgent"]["requests"] == is_urgent


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("secret words", "line 2: not a JSON object", id="words"),
        pytest.param('["secret words"]', "line 2: not a JSON object", id="list"),
        pytest.param('{"prompt": "secret words"}', "line 2: no model", id="no-model"),
        pytest.param(
            '{"model": "claude-sonnet-4-6", "x": "secret words"}', "line 2: no usage, and no params", id="no-usage"
        ),
        pytest.param(
            log_of(message(prompt="secret words", priority="secret")),
            "line 2: priority is normal or high",
            id="priority",
        ),
        pytest.param(
            log_of(message(prompt="secret words", max_latency_minutes="secret")),
            "max_latency_minutes is not",
            id="latency",
        ),
        pytest.param('{"a":' * 100_000, "line 2: not a JSON object", id="deep"),
    ],
)
def test_a_wrong_line_of_a_log_is_named_by_its_number_and_never_quoted(line: str, message: str) -> None:
    error = refusal("-", stdin=LOG.splitlines()[0] + "\n" + line)
    assert message in error
    assert "secret" not in error


def test_the_requests_of_a_working_day_are_a_log() -> None:
    document = json.loads(done(ROOT / "events" / "daily_requests.jsonl", "--json"))
    assert document["urgent"]["requests_share"] > Decimal("0.9")
    assert document["savings_share"] > document["savings_share_by_requests"]


def test_the_installed_command_plans_and_refuses_with_its_exit_codes(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("lanekeeper")
    done = subprocess.run([command, "plan", EXAMPLE, "--json"], capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["name"] for row in json.loads(done.stdout)] == ["live-chat", "content-pipeline", "code-review"]
    (tmp_path / "bad.csv").write_text("name\nx")
    bad = subprocess.run([command, "plan", tmp_path / "bad.csv"], capture_output=True, text=True, check=False)  # noqa: S603
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "bad.csv cannot be planned" in bad.stderr


def test_the_group_tells_its_version_and_its_commands() -> None:
    assert CliRunner().invoke(main, ["--version"]).stdout.startswith("lanekeeper, version ")
    assert "Which lane pays" in CliRunner().invoke(main, ["--help"]).stdout


@pytest.mark.parametrize(
    ("dollars", "text"),
    [
        ("4800.0024", "$4,800.00"),
        ("0.005", "$0.01"),
        ("202.505", "$202.51"),
        ("0", "$0.00"),
        ("0.004", "<$0.01"),
        ("1234567.894", "$1,234,567.89"),
    ],
)
def test_money_is_rounded_halves_up_and_only_when_shown(dollars: str, text: str) -> None:
    assert money(Decimal(dollars)) == text


def test_json_keeps_every_digit_of_a_decimal() -> None:
    value = {"a": Decimal("4800.00"), "b": [Decimal("0.10"), None, True, "ü\n"], "c": {}, "d": []}
    text = json_text(value)
    assert '"a": 4800.00' in text
    assert json.loads(text, parse_float=Decimal) == value
