"""The two commands that everyone uses, `sam build` and `sam deploy`, aimed at this machine and never at an account."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from local.adjust import adjust_for_ministack
from local.host import BUILDER, ROOT, SAM, TEMPLATE, UV, WORKER, runs_lambda_wheels

REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
STACK = "lanekeeper"

_TAIL_LINES = 25


class SamFailedError(Exception):
    """A sam command failed; the message ends with the last lines of its log."""

    def __init__(self, command: str, log: Path) -> None:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        super().__init__(f"{command} failed. The whole log is {log}, it ends with:\n{tail}")


@dataclass(frozen=True)
class Sam:
    """Builds and deploys into its own folder, so that the architecture of a user's own `sam build` stays cached."""

    folder: Path
    parameters: Mapping[str, str]
    builder: Path = BUILDER  # the pythonX.Y that the parameters name, with pip

    def build(self) -> None:
        """Builds the functions and the layer: some twenty seconds the first time, five when only our source changed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._parameter_file.write_text(json.dumps(dict(self.parameters)))
        built, cache = str(self.built), str(self.folder / "cache")
        self._run("build", "--cached", "--parallel", "--build-dir", built, "--cache-dir", cache, "-t", str(TEMPLATE))

    def fit_to_ministack(self) -> list[str]:
        """Makes what was built run here, and returns what had to be changed in the template for it."""
        if not runs_lambda_wheels():
            self.use_host_wheels()
        template = yaml.safe_load((self.built / "template.yaml").read_text())
        changes = adjust_for_ministack(template, self.parameters)
        self._adjusted.write_text(yaml.safe_dump(template, sort_keys=False))
        return changes

    def deploy(self, endpoint: str, certificate: Path | None = None) -> None:
        """Deploys what was built and fitted to the AWS endpoint given, which must be one of this machine."""
        trust = {"AWS_CA_BUNDLE": str(certificate)} if certificate else {}
        options = ["--stack-name", STACK, "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--region", REGION]
        quiet = ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"]
        self._run("deploy", "-t", str(self._adjusted), *options, *quiet, AWS_ENDPOINT_URL=endpoint, **trust)

    def use_host_wheels(self) -> None:
        """Puts this machine's own wheels in the place of Lambda's in the layer."""
        target = ["--python", str(WORKER), "--target", str(self._layer), "--reinstall"]
        requirements = ["--require-hashes", "-r", str(ROOT / "shared/requirements.txt")]
        self._log(self._log_file("wheels"), [str(UV), "pip", "install", *target, *requirements], dict(os.environ))

    @property
    def built(self) -> Path:
        """Where the build lies: template.yaml, and a folder for the layer and for each function."""
        return self.folder / "build"

    @property
    def _adjusted(self) -> Path:
        return self.built / "template.ministack.yaml"

    @property
    def _layer(self) -> Path:
        return self.built / "SharedLayer/python"

    @property
    def _parameter_file(self) -> Path:
        return self.folder / "parameters.yaml"

    def _log_file(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _run(self, command: str, *options: str, **environment: str) -> None:
        overrides = ["--parameter-overrides", f"file://{self._parameter_file}"]
        environment = _environment(self.builder) | environment
        self._log(self._log_file(command), [str(SAM), command, *options, *overrides], environment)

    def _log(self, log: Path, command: list[str], environment: Mapping[str, str]) -> None:
        with log.open("wb") as output:
            done = subprocess.run(  # noqa: S603 - our own tools with our own arguments
                command, cwd=self.folder, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False
            )
        if done.returncode:
            raise SamFailedError(" ".join([Path(command[0]).name, command[1]]), log)


def _environment(builder: Path) -> dict[str, str]:
    """This process's environment without the user's AWS account and without what would lead Python astray."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "SAM_CLI_"))}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_DEFAULT_REGION": REGION}
    sam = {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.5"}
    return kept | nowhere | sam | CREDENTIALS | {"PATH": f"{builder.parent}{os.pathsep}{kept['PATH']}"}
