"""The group below which this process may make groups with limits, made ready and put back again.

By the kernel's Documentation/admin-guide/cgroup-v2.rst: a group that hands controllers down holds
no process itself, but for the topmost one. By https://systemd.io/CGROUP_DELEGATION: whoever was not
given a group leaves the processes of others in it alone.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import cgroup_files, systemd_scope
from .hierarchy import OURS, upwards
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
    cgroup_files.write(folder / "cgroup.subtree_control", " ".join(f"+{one}" for one in NEEDED))
    with contextlib.suppress(OSError):
        cgroup_files.write(folder / "cgroup.subtree_control", "+pids")


def release(group: Path) -> None:
    """Remove an emptied group of ours; after the last of them, put its parent back."""
    cgroup_files.remove_all(group)
    folder, rest = group.parent, group.parent / REST
    with contextlib.suppress(OSError):
        if not rest.is_dir():
            return
        with _locked(folder):
            others = [one for one in folder.glob(f"{OURS}*") if one != rest]
            if not others:
                _take_back(folder)
                _move(rest, folder)
                cgroup_files.remove(rest)


def _take_back(folder: Path) -> None:
    control = folder / "cgroup.subtree_control"
    handed = control.read_text().split()
    cgroup_files.write(control, " ".join(f"-{one}" for one in handed))


def _move(source: Path, target: Path) -> None:
    for _ in range(_TRIES):
        if not (pids := cgroup_files.pids_of(source)):
            return
        for pid in pids:
            with contextlib.suppress(OSError):
                cgroup_files.write(target / "cgroup.procs", pid)


def _hindrance(folder: Path) -> str:
    """Why no group of ours can be in `folder`; nothing when it can."""
    if lacking := missing(folder):
        return f"{' and '.join(lacking)} not delegated to this user"
    wanted = (folder, folder / "cgroup.procs", folder / "cgroup.subtree_control")
    return "" if all(_writable(path) for path in wanted) else "not writable by this user"


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=True)


def _must_move(folder: Path) -> bool:
    """Whether it holds processes and hands nothing down yet; the topmost group may do both."""
    handed = (folder / "cgroup.subtree_control").read_text().split()
    is_topmost = not (folder / "cgroup.type").exists()
    return not is_topmost and not set(NEEDED) <= set(handed) and cgroup_files.holds_any(folder)


def _given_to_us(folder: Path, top: Path) -> bool:
    """The top of a container, what systemd marks, or where the rights of a user begin."""
    if folder == top or systemd_scope.is_one(folder):
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
    found = _hindrance(writable[-1])
    return f"cgroup v2: {found or 'its processes are not ours to move'}"


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    # Another server may begin while one ends.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
