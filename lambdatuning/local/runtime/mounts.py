"""What an environment sees of this host: /var/task, /opt and a /tmp of its own, as on AWS.

Where the kernel lets us, each gets a mount namespace that begins with what `root_holder` prepared
once: the host read-only, code and layers read-only in their places, and nothing to write but /tmp.
For root, /tmp is a small file system in an unlinked image, as large as the ephemeral storage: gone
with the last process in there, however that ends, and unlike a tmpfs it counts as no memory; and
functions run as a user of their own, as they do on AWS.
"""

import contextlib
import os
import select
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..function import FunctionSpec

TASK, OPT, RUNTIME = Path("/var/task"), Path("/opt"), Path("/var/runtime")
USER, GROUP, USER_NAME = 993, 990, "sbx_user1051"
"""Of functions on AWS (`id` in a handler); the group has no name there."""
ENDS = "ends"
_IMAGE, _LOST = "tmp.img", "lost+found"
_TMP = Path("/tmp")  # noqa: S108 - it is what is replaced
_HOLDER = Path(__file__).with_name("root_holder.py")
_LIMIT_S = 20.0
_TOOLS = ("nsenter", "unshare", "mount")
_ROOT_TOOLS = ("mke2fs", "setpriv")


@dataclass(frozen=True)
class Places:
    """Where a function finds its code, what its layers hold (`layers` as in its spec, `opt` also
    without any), and its runtime."""

    task: Path
    layers: tuple[Path, ...]
    runtime: Path
    opt: tuple[Path, ...] = ()


@dataclass(frozen=True)
class View:
    """The prepared view of the host; `holder` keeps it, `user` is whom functions run as."""

    holder: "subprocess.Popen[bytes]"
    tools: Mapping[str, str]
    needed: tuple[Path, ...]
    user: int | None

    def close(self) -> None:
        """Let go of it; environments that live keep theirs."""
        self.holder.communicate()

    def places(self, spec: FunctionSpec) -> Places:
        """Where AWS has them."""
        return Places(TASK, tuple(OPT for _ in spec.layers), RUNTIME, (OPT,))

    def outside(self, spec: FunctionSpec, folder: Path) -> list[str]:
        """Shell lines before the namespace is entered: /tmp is made ready in `folder`."""
        if self.user is None:
            return []
        options = "-q -F -t ext4 -O ^has_journal -E lazy_itable_init=1,nodiscard -m 0"
        image, size = shlex.quote(str(folder / _IMAGE)), f"{spec.ephemeral_mb}M"
        return [f"{self.tools['mke2fs']} {options} {image} {size} > {os.devnull}"]

    def entering(self) -> list[str]:
        """The command by which a program is started in a namespace of its own."""
        where = f"/proc/{self.holder.pid}/ns"
        with_user = ["--preserve-credentials", f"--user={where}/user"] if self.user is None else []
        return [
            *(self.tools["nsenter"], *with_user, f"--mount={where}/mnt"),
            *(self.tools["unshare"], "--mount", "--propagation", "private"),
        ]

    def inside(self, spec: FunctionSpec, folder: Path) -> list[str]:
        """Shell lines within it."""
        mount, lines = self.tools["mount"], []
        for source, target in ((spec.task_root, TASK), *((layer, OPT) for layer in spec.layers)):
            lines.append(f"{mount} --bind {shlex.quote(str(source))} {target}")
            lines.append(f"{mount} -o remount,bind,ro {target}")
        # Last, because all these may lie in the /tmp that it replaces.
        return [*lines, *self._tmp(folder), f"cd {TASK}", "unset OLDPWD"]

    def _tmp(self, folder: Path) -> list[str]:
        mount, point = self.tools["mount"], folder / "tmp"
        lines = [f"{mount} --bind {shlex.quote(str(point))} {_TMP}"]
        if self.user is not None:
            image, lost = (shlex.quote(str(path)) for path in (folder / _IMAGE, point / _LOST))
            lines = [
                # The kernel lets go of its device with the last user, however that ends.
                f"{mount} -t ext4 -o loop,noatime,nosuid,nodev {image} {shlex.quote(str(point))}",
                f"rm -r {image} {lost}",
                f"chmod 1777 {shlex.quote(str(point))}",
            ]
        kept = [path for path in self.needed if path.is_relative_to(_TMP)]
        lines += [line for path in kept for line in self._keep(path, point)]
        return lines if self.user is None else [*lines, f"{mount} --rbind {point} {_TMP}"]

    def _keep(self, path: Path, point: Path) -> list[str]:
        inside = shlex.quote(str(point / path.relative_to(_TMP)))
        bound = f"{self.tools['mount']} --bind {shlex.quote(str(path))} {inside}"
        return [f"mkdir -p {inside}", bound]

    def as_user(self) -> list[str]:
        """The command by which a program is started as the user of functions."""
        if self.user is None:
            # Root within the user namespace that mounts needed; what it was outside from here on.
            mapped = (f"--map-user={os.geteuid()}", f"--map-group={os.getegid()}")
            return [self.tools["unshare"], "--user", *mapped, "--"]
        return [
            *(self.tools["setpriv"], f"--reuid={self.user}", f"--regid={GROUP}", "--clear-groups"),
            *("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--"),
        ]


@dataclass(frozen=True)
class Prepared:
    """A view, or why there is none: then functions see the host as the server does."""

    view: View | None
    why: str


def prepare(
    folder: Path, runtime: Path, needed: Iterable[Path], marks: Mapping[str, str]
) -> Prepared:
    """Prepare the view in `folder`, a server's own; `runtime` holds the runtime's packages.

    Of what the view hides, `needed` stays visible; `marks` are variables of what is started here.
    """
    if sys.platform != "linux":
        return Prepared(None, "only Linux has mount namespaces")
    names = (*_TOOLS, *(_ROOT_TOOLS if os.geteuid() == 0 else ()))
    tools = {name: program for name in names if (program := shutil.which(name, path=_search()))}
    if missing := [name for name in names if name not in tools]:
        return Prepared(None, f"{' and '.join(missing)} not installed")
    paths = _outermost(place for path in needed for place in (path, path.resolve()))
    if any(path.is_relative_to(OPT) for path in paths):
        return Prepared(None, "the interpreter lies in /opt, where layers belong")
    user = USER if os.geteuid() == 0 else None
    return _started(folder, runtime, paths, marks, tools, user)


def _outermost(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Those that lie in no other: a folder that is shown inside one that is shown would hide it."""
    distinct = dict.fromkeys(paths)
    return tuple(
        path for path in distinct if not any(parent in distinct for parent in path.parents)
    )


def _started(
    folder: Path,
    runtime: Path,
    needed: tuple[Path, ...],
    marks: Mapping[str, str],
    tools: Mapping[str, str],
    user: int | None,
) -> Prepared:
    root = folder / "root"
    root.mkdir()
    (folder / "etc").mkdir()
    if user is not None:
        _write_users(folder / "etc" / "passwd", user)
    holder = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-I", "-S", _HOLDER, root, folder, runtime, *needed],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": _search(), **marks},
        start_new_session=True,
    )
    assert holder.stdout is not None
    ready = select.select([holder.stdout], [], [], _LIMIT_S)[0]
    if not ready or holder.stdout.readline() != b"ready\n":
        holder.kill()
        _, errors = holder.communicate()
        lines = errors.decode("utf-8", "replace").strip().splitlines() or ["no answer"]
        return Prepared(None, f"the kernel refused: {lines[-1]}")
    view = View(holder, tools, needed, user)
    if why := _fails(view, folder):
        view.close()
        return Prepared(None, why)
    return Prepared(view, "")


def _write_users(file: Path, user: int) -> None:
    """The host's users, and before them the one of functions, whose home is not there: as on AWS.

    Without it, a program that asks for its home or its user's name would fail.
    """
    line = f"{USER_NAME}:x:{user}:{GROUP}::/home/{USER_NAME}:/sbin/nologin\n"
    file.write_bytes(line.encode() + Path("/etc/passwd").read_bytes())
    file.chmod(0o644)


def _fails(view: View, folder: Path) -> str:
    """Why an environment cannot be made of it; "" when a trial works."""
    trial = folder / "trial"
    (trial / "tmp").mkdir(parents=True)
    (trial / "tmp").chmod(0o1777)
    spec = _trial_spec(folder / "trial" / "tmp")
    runs = [sys.executable, "-I", "-S", "-c", "open('/tmp/it', 'w').close()"]
    try:
        script = write_script(view, spec, trial, entry=[], exports=[])
        process = subprocess.run(  # noqa: S603 - our own script
            ["/bin/sh", str(script), *runs],
            capture_output=True,
            check=False,
            timeout=_LIMIT_S,
            env={"PATH": _search()},
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return str(exc)
    finally:
        shutil.rmtree(trial, ignore_errors=True)
    lines = process.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
    return lines[-1] if process.returncode else ""


def write_script(
    view: View | None,
    spec: FunctionSpec,
    folder: Path,
    *,
    entry: Sequence[str],
    exports: Sequence[str],
    extensions: Sequence[str] = (),
) -> Path:
    """A shell script in `folder` that starts its arguments in an environment of their own.

    `entry` are lines by which limits are entered, `exports` set the variables of the program,
    `extensions` are programs that run beside it: of each that ends, a line with its exit status and
    its path goes to the FIFO `ENDS` in `folder`.
    """
    user = shlex.join(view.as_user()) if view else ""
    starts = [_extension(user, program) for program in extensions]
    tells = [f"exec 9> {shlex.quote(str(folder / ENDS))}"] if extensions else []
    outer, inner = folder / "launch.sh", folder / "inside.sh"
    if view is None:
        _write(outer, ["set -e", *entry, *tells, *exports, *starts, 'exec "$@" 9>&-'])
        return outer
    lines = ["set -e", *view.inside(spec, folder), *exports]
    _write(inner, [*lines, *starts, f'exec {user} "$@" 9>&-'])
    enters = shlex.join([*view.entering(), "/bin/sh", str(inner)])
    _write(outer, ["set -e", *view.outside(spec, folder), *entry, *tells, f'exec {enters} "$@"'])
    return outer


def _extension(user: str, program: str) -> str:
    path = shlex.quote(program)
    return f'{{ set +e; {user} {path} 9>&-; echo "$?" {path} >&9; }} &'


def _write(file: Path, lines: Sequence[str]) -> None:
    with contextlib.suppress(FileExistsError):
        file.touch(mode=0o600, exist_ok=False)
    file.write_text("\n".join(lines) + "\n", "utf-8", "replace")


def _trial_spec(task: Path) -> FunctionSpec:
    names = dict.fromkeys(("arn", "name", "version", "runtime", "handler", "revision"), "trial")
    more = dict.fromkeys(("account_id", "region", "log_group"), "trial")
    sizes = {"memory_mb": 128, "timeout_s": 3.0, "ephemeral_mb": 1}
    return FunctionSpec(**names, **more, **sizes, task_root=task)  # type: ignore[arg-type]


def _search() -> str:
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
