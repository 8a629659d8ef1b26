"""A /tmp of its own for each environment, as large as its ephemeral storage, where root may mount.

A small file system in an unlinked image, mounted on /tmp in the process's own mount namespace: it
is gone with the last process in there, however that ends. Unlike a tmpfs it counts as no memory.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TMP = Path("/tmp")  # noqa: S108 - it is what is replaced
_PROBE_MB = 1
_PROBE_LIMIT_S = 10.0


@dataclass(frozen=True)
class Tools:
    """Paths of the programs that mount it."""

    unshare: str
    mount: str
    mke2fs: str


def find_tools(folder: Path) -> Tools | None:
    """The programs, when all are there and a trial in `folder` works; else None."""
    if os.geteuid() != 0:
        return None
    search = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    programs = [shutil.which(name, path=search) for name in ("unshare", "mount", "mke2fs")]
    if not all(programs):
        return None
    tools = Tools(*map(str, programs))
    return tools if _works(tools, folder) else None


def namespace(tools: Tools) -> list[str]:
    """What starts a program in a mount namespace of its own."""
    return [tools.unshare, "--mount", "--propagation", "private"]


def lines(tools: Tools, folder: Path, size_mb: int, needed: Iterable[Path]) -> list[str]:
    """Shell lines, for that namespace, after which /tmp is its own, `size_mb` large.

    `folder` is a place for the image and the mount point; of the old /tmp, only what is `needed`
    stays visible.
    """
    image, point = (shlex.quote(str(folder / name)) for name in ("tmp.img", "tmp"))
    options = "-q -F -t ext4 -O ^has_journal -E lazy_itable_init=1,nodiscard -m 0"
    kept = [path for path in needed if path.is_relative_to(_TMP)]
    return [
        "set -e",
        f"mkdir -p {point}",
        f"{tools.mke2fs} {options} {image} {size_mb}M > {os.devnull}",
        f"{tools.mount} -o loop,noatime,nosuid,nodev {image} {point}",
        f"rm {image}",
        f"rmdir {point}/lost+found",
        f"chmod 1777 {point}",
        *(line for path in kept for line in _keep(tools, path, folder / "tmp")),
        f"{tools.mount} --rbind {point} {_TMP}",
    ]


def _keep(tools: Tools, path: Path, point: Path) -> list[str]:
    inside = shlex.quote(str(point / path.relative_to(_TMP)))
    return [f"mkdir -p {inside}", f"{tools.mount} --bind {shlex.quote(str(path))} {inside}"]


def _works(tools: Tools, folder: Path) -> bool:
    script = "\n".join(lines(tools, folder, _PROBE_MB, []))
    trial = [*namespace(tools), "/bin/sh", "-c", script]
    try:
        done = subprocess.run(trial, capture_output=True, check=False, timeout=_PROBE_LIMIT_S)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    finally:
        (folder / "tmp.img").unlink(missing_ok=True)
        shutil.rmtree(folder / "tmp", ignore_errors=True)
    return done.returncode == 0
