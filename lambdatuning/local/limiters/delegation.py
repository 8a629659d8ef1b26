"""The group below which this process may make groups with limits, made ready and put back again.

By the kernel's Documentation/admin-guide/cgroup-v2.rst: a group that hands controllers down holds
no process itself, but for the topmost one. By https://systemd.io/CGROUP_DELEGATION: whoever was not
given a group leaves the processes of others in it alone.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import cgroups
from .cgroups import OURS, upwards
from .interface import UnusableError

NEEDED = ("cpu", "memory")
REST = f"{OURS}others"
"""Where the processes of a group go that hands controllers down."""
_TRIES = 20


def home(own: Path, top: Path) -> Path:
    """The nearest group, from `own` upwards to `top`, that may have groups of ours in it.

    One whose processes would have to be moved is taken only when it was given to us. Raises
    `UnusableError`.
    """
    for folder in upwards(own, top):
        if not _hindrance(folder) and (not _must_move(folder) or _given_to_us(folder, top)):
            return folder
    raise UnusableError(_reason(own, top))


def missing(folder: Path) -> Sequence[str]:
    """Needed controllers that the group at `folder` has not."""
    try:
        offered = (folder / "cgroup.controllers").read_text().split()
    except OSError:
        return NEEDED
    return [one for one in NEEDED if one not in offered]


def is_given(folder: Path, top: Path) -> bool:
    """Whether `folder` may have groups of ours in it, and its processes are ours to move."""
    return not _hindrance(folder) and _given_to_us(folder, top)


def claim(folder: Path, name: str) -> Path:
    """Have `folder` hand controllers down, and make the group `name` in it. Raises OSError."""
    with _locked(folder):
        if _must_move(folder):
            (folder / REST).mkdir(exist_ok=True)
            _move(folder, folder / REST)
        hand_down(folder)
        (folder / name).mkdir(exist_ok=True)
    return folder / name


def hand_down(folder: Path) -> None:
    """Let the children of `folder` have limits. Raises OSError."""
    cgroups.write(folder / "cgroup.subtree_control", " ".join(f"+{one}" for one in NEEDED))
    with contextlib.suppress(OSError):
        cgroups.write(folder / "cgroup.subtree_control", "+pids")


def release(group: Path) -> None:
    """Remove an emptied group of ours; after the last of them, put its parent back."""
    cgroups.remove_all(group)
    folder, rest = group.parent, group.parent / REST
    with contextlib.suppress(OSError):
        if not rest.is_dir():
            return
        with _locked(folder):
            others = [one for one in folder.glob(f"{OURS}*") if one != rest]
            if not others:
                _take_back(folder)
                _move(rest, folder)
                cgroups.remove(rest)


def _take_back(folder: Path) -> None:
    control = folder / "cgroup.subtree_control"
    handed = control.read_text().split()
    cgroups.write(control, " ".join(f"-{one}" for one in handed))


def _move(source: Path, target: Path) -> None:
    for _ in range(_TRIES):
        if not (pids := cgroups.pids_of(source)):
            return
        for pid in pids:
            with contextlib.suppress(OSError):
                cgroups.write(target / "cgroup.procs", pid)


def _hindrance(folder: Path) -> str:
    """Why no group of ours can be in `folder`; nothing when it can."""
    if lacking := missing(folder):
        return f"{' and '.join(lacking)} not delegated to this user"
    needed = (folder, folder / "cgroup.procs", folder / "cgroup.subtree_control")
    return "" if all(_writable(path) for path in needed) else "not writable by this user"


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=True)


def _must_move(folder: Path) -> bool:
    """Whether it holds processes and hands nothing down yet; the topmost group may do both."""
    handed = (folder / "cgroup.subtree_control").read_text().split()
    is_topmost = not (folder / "cgroup.type").exists()
    return not is_topmost and not set(NEEDED) <= set(handed) and cgroups.holds_any(folder)


def _given_to_us(folder: Path, top: Path) -> bool:
    """The top of a container, what systemd marks, or where the rights of a user begin."""
    if folder == top or is_scope(folder):
        return True
    if not _writable(folder.parent / "cgroup.procs"):
        return True
    for name in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError, AttributeError):
            if os.getxattr(folder, name) == b"1":
                return True
    return False


def _reason(own: Path, top: Path) -> str:
    if os.statvfs(top).f_flag & os.ST_RDONLY:
        return "cgroup v2 is mounted read-only"
    if lacking := missing(top):
        return f"cgroup v2 has no {' and '.join(lacking)} controller here"
    writable = [place for place in upwards(own, top) if _writable(place)]
    if not writable:
        return "cgroup v2: this user may not make groups"
    hindrance = _hindrance(writable[-1])
    return f"cgroup v2: {hindrance or 'its processes are not ours to move'}"


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    # Another server may begin while one ends.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


_SCOPE_PREFIX = "app-"
"""As https://systemd.io/DESKTOP_ENVIRONMENTS names applications."""
_SCOPE_LIMIT_S = 20.0
_PAUSE_S = 0.01
_BOOTED = Path("/run/systemd/system")
"""Exists where systemd is the system's manager: sd_booted(3)."""
_MANAGER = (
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
)


def enter_scope(ident: str) -> bool:
    """Move this process into a new scope, named after `ident`; whether that was done."""
    name = f"{_SCOPE_PREFIX}{ident}"
    busctl = shutil.which("busctl")
    if busctl is None or not _BOOTED.exists():
        return False
    try:
        subprocess.run(  # noqa: S603 - systemd's own tool
            scope_request(busctl, name),
            check=True,
            capture_output=True,
            timeout=_SCOPE_LIMIT_S,
            # Where cron or sudo did not say it.
            env={"XDG_RUNTIME_DIR": f"/run/user/{os.geteuid()}", **os.environ},
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return _arrived(name)


def is_scope(folder: Path) -> bool:
    """Whether the group at `folder` is such a scope."""
    return folder.name.startswith(f"{_SCOPE_PREFIX}{cgroups.OURS}")


def scope_request(busctl: str, name: str) -> Sequence[str]:
    """The call that asks for it."""
    manager = "--system" if os.geteuid() == 0 else "--user"
    properties = ("PIDs", "au", "1", str(os.getpid()), "Delegate", "b", "true")
    described = ("Description", "s", "lambdatuning local")
    arguments = (f"{name}.scope", "fail", "3", *described, *properties, "0")
    return [
        busctl,
        manager,
        "call",
        *_MANAGER,
        "StartTransientUnit",
        "ssa(sv)a(sa(sv))",
        *arguments,
    ]


def _arrived(name: str) -> bool:
    # It is answered before it is done.
    deadline = time.monotonic() + _SCOPE_LIMIT_S
    while not cgroups.group_of_process().endswith(f"/{name}.scope"):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_S)
    return True
