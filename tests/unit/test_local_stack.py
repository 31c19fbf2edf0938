"""The local stack's own decisions; that it deploys and runs is shown by the demo."""

import platform
from pathlib import Path

import pytest

from local import ministack, sam
from local.adjust import adjust_for_ministack
from local.host import PYTHON, UnsupportedHostError, host_parameters
from local.ministack import Ministack
from local.sam import Sam, SamFailedError
from local.stack import STATE, LocalStack, client, running_stack
from scripts.translate import source

NOWHERE = Ministack(pid=0, endpoint="http://127.0.0.1:9", certificate=None)


@pytest.fixture
def users_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user who is logged in to a real account and has set everything that can be set."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://elsewhere.example")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere/ca.pem")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")


def test_sam_never_sees_the_users_aws_account(users_aws: None) -> None:
    environment = sam._environment(Path("/opt/python3.13"))
    aws = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    assert aws == {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }


def test_functions_do_not_inherit_what_the_user_has_set(users_aws: None, tmp_path: Path) -> None:
    environment = ministack._environment(tmp_path, 4711, secured=False)
    aws = {name for name in environment if name.startswith("AWS_")}
    assert aws == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"}
    assert environment["AWS_ACCESS_KEY_ID"] == "test"


def test_ministack_listens_on_the_loopback_interface_only(tmp_path: Path) -> None:
    environment = ministack._environment(tmp_path, 4711, secured=False)
    assert (environment["BIND_HOST"], environment["GATEWAY_PORT"]) == ("127.0.0.1", "4711")
    assert environment["IOT_MTLS_ENABLED"] == "0"


def test_a_secured_ministack_checks_roles_and_speaks_tls(tmp_path: Path) -> None:
    environment = ministack._environment(tmp_path, 4711, secured=True)
    assert (environment["AUTH"], environment["USE_SSL"]) == ("true", "1")


def test_our_clients_do_not_mind_a_profile_that_does_not_exist_here(users_aws: None) -> None:
    sqs = client("sqs", NOWHERE)
    assert sqs.meta.endpoint_url == NOWHERE.endpoint
    assert sqs._request_signer._credentials.access_key == "test"


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(None, id="none"),
        pytest.param(b"", id="empty"),
        pytest.param(b'{"owner": 1, "pid": 2, "endp', id="cut"),
        pytest.param(b"\xff\xfe", id="not text"),
        pytest.param(b"[1]", id="a list"),
        pytest.param(b'{"owner": 1, "pid": 2}', id="without its address"),
        pytest.param(b'{"owner": 1, "pid": null, "endpoint": "http://127.0.0.1:9", "certificate": null}', id="no pid"),
    ],
)
def test_a_state_that_cannot_be_read_is_no_running_stack(tmp_path: Path, state: bytes | None) -> None:
    if state is not None:
        (tmp_path / STATE).write_bytes(state)
    assert running_stack(tmp_path) is None
    LocalStack({}, folder=tmp_path).clear_leftovers()


def test_a_concurrency_that_comes_from_a_parameter_is_written_out_as_a_number() -> None:
    template = source()
    changes = adjust_for_ministack(template, {"RealtimeConcurrency": "9"})
    resources = template["Resources"]
    assert resources["RealtimeQueueToInvoker"]["Properties"]["ScalingConfig"] == {"MaximumConcurrency": 9}
    assert resources["BatchQueueToSubmitter"]["Properties"]["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert "concurrency" in changes[0]


def test_a_role_that_may_send_one_message_may_send_ten_in_one_call() -> None:
    template = source()
    changes = adjust_for_ministack(template, {})
    statements = template["Resources"]["PollerRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    assert ["sqs:SendMessage", "sqs:SendMessageBatch"] in [statement["Action"] for statement in statements]
    assert "batch calls" in changes[1]


def test_an_alarm_on_metric_math_is_left_out_by_name_and_every_other_one_stays() -> None:
    template = source()
    changes = adjust_for_ministack(template, {})
    left_out = source()["Resources"].keys() - template["Resources"].keys()
    assert left_out == {"RejectedRateAlarm"}
    assert changes[2].startswith("RejectedRateAlarm left out")


def test_a_template_that_suits_ministack_is_left_alone() -> None:
    assert adjust_for_ministack({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}, {}) == []


def test_a_machine_that_lambda_does_not_know_is_told_so_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(UnsupportedHostError, match=r"riscv64\.$"):
        host_parameters()


def test_a_failed_command_shows_the_end_of_its_log(tmp_path: Path) -> None:
    failing = Sam(tmp_path, {}, builder=Path("/nowhere") / PYTHON)
    log = tmp_path / "build.log"
    with pytest.raises(SamFailedError, match=r"line 59\nline 60$"):
        failing._log(
            log, ["/bin/sh", "-c", "for n in $(seq 60); do echo line $n; done; exit 3"], {"PATH": "/usr/bin:/bin"}
        )
    assert len(log.read_text().splitlines()) == 60
