"""Makes what functions see of this host, in a mount namespace, and holds it until its input ends.

`python -I -S root_holder.py ROOT STATE RUNTIME NEEDED...`: a new root on the folder ROOT, where the
host lies read-only, but for its homes, /opt, /tmp and /var/tmp, which are empty. /var/task, /opt,
/tmp are there to be mounted on, /var/runtime shows the folder RUNTIME. STATE stays writable for who
may write there; of the homes and /tmp, only what is NEEDED shows. Files in STATE/etc stand for
those in /etc. Prints "ready" at last.

Standard library only. An ordinary user gets the namespace with a user namespace around it.
"""

import ctypes
import os
import platform
import sys
from collections.abc import Sequence

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 0x1000, 0x4000, 0x40000, 2
AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY, SYS_MOUNT_SETATTR = -100, 0x8000, 1, 442
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
EMPTY = ("home", "root", "opt", "tmp")
EMPTY_IN_VAR = ("task", "runtime", "tmp")

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttributes(ctypes.Structure):
    """`struct mount_attr` of <linux/mount.h>."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns_fd")]


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    arguments = (source.encode(), target.encode(), kind.encode() or None, flags, data.encode())
    _check(_libc.mount(*arguments))


def _own_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    _check(_libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if user else 0)))
    if user:
        for file, text in (
            ("setgroups", "deny"),
            ("uid_map", f"0 {user} 1"),
            ("gid_map", f"0 {group} 1"),
        ):
            with open(f"/proc/self/{file}", "w") as mapping:  # noqa: PTH123 - no pathlib needed
                mapping.write(text)
    _mount("none", "/", flags=MS_REC | MS_PRIVATE)


def _show(path: str, root: str) -> None:
    """Have `path` of the host show in the new root."""
    target = root + path
    if os.path.lexists(target):
        return
    os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)  # noqa: PTH103, PTH120
    if os.path.islink(path):  # noqa: PTH114
        os.symlink(os.readlink(path), target)  # noqa: PTH115, PTH211
        return
    if os.path.isdir(path):  # noqa: PTH112
        os.mkdir(target, 0o755)  # noqa: PTH102
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    _mount(path, target, flags=MS_BIND | MS_REC)


def _read_only(root: str) -> None:
    attributes = _MountAttributes(set=MOUNT_ATTR_RDONLY)
    _check(
        _libc.syscall(
            SYS_MOUNT_SETATTR,
            AT_FDCWD,
            root.encode(),
            AT_RECURSIVE,
            ctypes.byref(attributes),
            ctypes.sizeof(attributes),
        )
    )


def _enter(root: str) -> None:
    os.chdir(root)
    _check(_libc.syscall(SYS_PIVOT_ROOT[platform.machine()], b".", b"."))
    _check(_libc.umount2(b".", MNT_DETACH))
    os.chdir("/")


def _show_all(folder: str, root: str, but: Sequence[str]) -> None:
    """Have all of `folder` show, with empty folders of the names in `but` instead of its own."""
    for name in but:
        os.makedirs(f"{root}{folder}{name}", 0o755)  # noqa: PTH103
    for name in sorted(os.listdir(folder)):  # noqa: PTH208
        if name not in but:
            _show(f"{folder}{name}", root)


def main(root: str, state: str, runtime: str, *needed: str) -> None:
    """See the module's docstring. Raises OSError where the kernel does not let us."""
    _own_namespace()
    _mount("none", root, "tmpfs", data="size=4m,mode=755")
    _show_all("/", root, (*EMPTY, "proc", "var"))
    _show_all("/var/", root, EMPTY_IN_VAR)
    for path in needed:
        _show(path, root)
    _mount(runtime, f"{root}/var/runtime", flags=MS_BIND)
    for name in os.listdir(f"{state}/etc"):  # noqa: PTH208
        if os.path.isfile(f"{root}/etc/{name}") and not os.path.islink(f"/etc/{name}"):  # noqa: PTH113, PTH114
            _mount(f"{state}/etc/{name}", f"{root}/etc/{name}", flags=MS_BIND)
    if not os.path.lexists(root + state):
        os.makedirs(root + state, 0o755)  # noqa: PTH103
    _read_only(root)
    # A process writes its own maps of users here.
    _mount("/proc", f"{root}/proc", flags=MS_BIND | MS_REC)
    _mount(state, root + state, flags=MS_BIND)
    _enter(root)


if __name__ == "__main__":
    main(*sys.argv[1:])
    os.write(1, b"ready\n")
    os.execv("/bin/cat", ["cat"])  # noqa: S606 - the smallest that waits for an end
