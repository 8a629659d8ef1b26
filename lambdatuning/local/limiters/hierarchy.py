"""Where cgroups are mounted here, and which of them this process is in."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .interface import NotMountedError, UnusableError

OURS = "lambdatuning-"
"""Every group that this program makes begins with it."""
_SELF = Path("/proc/self")


@dataclass(frozen=True)
class Mount:
    """A mounted hierarchy: of its groups, those below `root` show at the folder `point`."""

    point: Path
    root: str

    def folder(self, group: str) -> Path | None:
        """Where `group` shows; None when it does not."""
        # From within a cgroup namespace, a root that lies outside it is told as "/..".
        if ".." in f"{self.root}/{group}".split("/"):
            return None
        if not Path(group).is_relative_to(self.root):
            return None
        return self.point / Path(group).relative_to(self.root)


def mounts(kind: str, controller: str = "", process: Path = _SELF) -> Iterator[Mount]:
    """Mounted hierarchies: `kind` is "cgroup2", or "cgroup" (v1) with a controller."""
    table = process / "mountinfo"
    for line in table.read_text().splitlines() if table.exists() else ():
        # proc(5): fields of the mount, optional ones, "-", fields of the file system.
        of_mount, _, of_filesystem = (part.split() for part in line.partition(" - "))
        if of_filesystem[0] == kind and (not controller or controller in _options(of_filesystem)):
            yield Mount(Path(of_mount[4]), of_mount[3])


def own(kind: str, controller: str = "", process: Path = _SELF) -> tuple[Path, Path]:
    """Folder of this process's group, and the topmost one that shows.

    Raises `NotMountedError` where there is no such hierarchy, and `UnusableError` where its group
    does not show.
    """
    found = list(mounts(kind, controller, process))
    if not found:
        raise NotMountedError(f"{_called(kind, controller)} is not mounted")
    group = group_of_process(controller, process)
    for mount in found:
        folder = mount.folder(group)
        if folder is not None and folder.is_dir():
            return folder, mount.point
    raise UnusableError(
        f"{_called(kind, controller)} is mounted, but not the group of this process"
    )


def outside_ours(folder: Path, top: Path) -> Path:
    """`folder`, or what it lies in where that is a group of ours.

    A server may be started by a process that another server has moved.
    """
    ours = [place for place in upwards(folder, top) if place.name.startswith(OURS)]
    return ours[-1].parent if ours else folder


def group_of_process(controller: str = "", process: Path = _SELF) -> str:
    """Name of its group in the hierarchy of `controller` ("" is cgroup v2's), "/" the topmost."""
    for line in (process / "cgroup").read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        if controller in controllers.split(","):
            return group
    return "/"


def upwards(folder: Path, top: Path) -> Iterator[Path]:
    """`folder` and those that it lies in, up to `top`."""
    for place in (folder, *folder.parents):
        yield place
        if place == top:
            return


def _options(of_filesystem: list[str]) -> list[str]:
    return of_filesystem[-1].split(",")


def _called(kind: str, controller: str) -> str:
    return "cgroup v2" if kind == "cgroup2" else f"cgroup v1 ({controller})"
