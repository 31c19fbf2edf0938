"""What this machine can run, and where the project's tools lie on it."""

import os
import platform
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
SAM = ROOT / ".tools/sam/bin/sam"
UV = ROOT / ".tools/uv/bin/uv"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
BUILDER = ROOT / ".tools/uv/bin" / PYTHON  # a Python that has pip, which sam build needs
WORKER = ROOT / ".tools/ministack/bin" / PYTHON  # runs ministack, and in it the functions

_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


class UnsupportedHostError(Exception):
    """The local stack cannot run on this machine as it is; the message says why and what to do."""


def host_parameters() -> dict[str, str]:
    """The template parameters with which a build's functions run here; UnsupportedHostError where none would."""
    machine = platform.machine().lower()
    if machine not in _ARCHITECTURES:
        raise UnsupportedHostError(f"Lambda has no architecture like this machine's, {machine}.")
    for tool in (SAM, BUILDER, WORKER):
        if not tool.exists():
            raise UnsupportedHostError(f"{tool.relative_to(ROOT)} is missing: delete .tools and .venv, run make setup.")
    return {"Architecture": _ARCHITECTURES[machine], "PythonRuntime": PYTHON}


def runs_lambda_wheels() -> bool:
    """Whether the Linux wheels that sam build takes for Lambda also load here: not on macOS, nor with musl."""
    return platform.libc_ver()[0] == "glibc"


def is_running(pid: int) -> bool:
    """Whether a process with this id exists, other than our own: that one has kept a stack and starts the next."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid != os.getpid()
