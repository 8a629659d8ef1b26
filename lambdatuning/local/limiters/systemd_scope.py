"""A group of this process's own from systemd, with the right to make groups in it.

https://systemd.io/CGROUP_DELEGATION: a scope with `Delegate=yes`, which systemd ends with its last
process. Root asks the system's manager, any other user that user's own.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from . import hierarchy

_PREFIX = "app-"
"""As https://systemd.io/DESKTOP_ENVIRONMENTS names applications."""
_LIMIT_S = 5.0
_PAUSE_S = 0.01
_BOOTED = Path("/run/systemd/system")
"""Exists where systemd is the system's manager: sd_booted(3)."""
_MANAGER = (
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
)


def enter(ident: str) -> bool:
    """Move this process into a new scope, named after `ident`; whether that was done."""
    name = f"{_PREFIX}{ident}"
    busctl = shutil.which("busctl")
    if busctl is None or not _BOOTED.exists():
        return False
    try:
        subprocess.run(  # noqa: S603 - systemd's own tool
            request(busctl, name),
            check=True,
            capture_output=True,
            timeout=_LIMIT_S,
            # Where cron or sudo did not say it.
            env={"XDG_RUNTIME_DIR": f"/run/user/{os.geteuid()}", **os.environ},
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return _arrived(name)


def is_one(folder: Path) -> bool:
    """Whether the group at `folder` is such a scope."""
    return folder.name.startswith(f"{_PREFIX}{hierarchy.OURS}")


def request(busctl: str, name: str) -> Sequence[str]:
    """The call that asks for it."""
    manager = "--system" if os.geteuid() == 0 else "--user"
    properties = ("PIDs", "au", "1", str(os.getpid()), "Delegate", "b", "true")
    described = ("Description", "s", "lambdatuning local")
    given = (f"{name}.scope", "fail", "3", *described, *properties, "0")
    return [busctl, manager, "call", *_MANAGER, "StartTransientUnit", "ssa(sv)a(sa(sv))", *given]


def _arrived(name: str) -> bool:
    # It is answered before it is done.
    deadline = time.monotonic() + _LIMIT_S
    while not hierarchy.group_of_process().endswith(f"/{name}.scope"):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_S)
    return True
