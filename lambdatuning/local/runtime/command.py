"""How the runtime of an execution environment is started: arguments and environment variables."""

import contextlib
import functools
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from ...core.errors import LambdaTuningError, UsageError
from ..function import FunctionSpec
from ..limiters.interface import MARK_NAME
from ..settings import SECRET_ACCESS_KEY
from . import mounts

MARKER_NAME = "LAMBDATUNING_SERVER"
_HERE = Path(__file__).parent
_INITIALIZATION = {False: "on-demand", True: "provisioned-concurrency"}
_OTHERS = {
    "java": ("java", "Java"),
    "dotnet": ("dotnet", ".NET"),
    "ruby": ("ruby", "Ruby"),
    "go": ("go", "Go"),
}
"""Runtimes by the beginning of their names: the program that each would need, and its language."""
_X86_32, _X86_64 = b"\x03\x00", b"\x3e\x00"
"""`e_machine` in the head of an ELF file."""
_EMULATED = Path("/proc/sys/fs/binfmt_misc")
_PATH = [Path("/usr/local/bin"), Path("/usr/bin"), Path("/bin")]


class InvalidEntrypointError(LambdaTuningError):
    """A custom runtime without a program; AWS answers Runtime.InvalidEntrypoint."""


@dataclass(frozen=True)
class ServerHost:
    """What every environment of one server has in common.

    `runtime_packages` is the folder that `link_packages` filled; `marker` is found
    in the environment of every process that belongs to this server; `view` is None where functions
    see the host as it is, with a TMPDIR of their own.
    """

    endpoint_url: str
    marker: str
    runtime_packages: Path
    node: str | None
    node_version: str | None = None
    view: mounts.View | None = None

    @property
    def users(self) -> Collection[int]:
        """Whom functions run as, beside the user of the server itself."""
        user = self.view.user if self.view else None
        return () if user is None else (user,)


def find_node() -> str | None:
    """Path of the local node, or None."""
    return shutil.which("node")


def interpreter(spec: FunctionSpec, host: ServerHost) -> str:
    """What a function runs on here, whatever version its runtime names: `Python 3.11.7`."""
    if spec.runtime.startswith("provided"):
        return "its own bootstrap"
    if spec.runtime.startswith("nodejs"):
        return f"Node.js {host.node_version}"
    return f"Python {platform.python_version()}"


def node_version(node: str | None) -> str | None:
    """Version of the program `node`, e.g. `20.20.2`."""
    if node is None:
        return None
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        shown = subprocess.run(  # noqa: S603 - the node that functions run on
            [node, "--version"], check=True, capture_output=True, text=True, timeout=20
        )
        return shown.stdout.strip().removeprefix("v") or None
    return None


def arguments(spec: FunctionSpec, host: ServerHost) -> list[str]:
    """The command line. Raises `UsageError` for a runtime that cannot run here."""
    if spec.runtime.startswith("provided"):
        return [str(_bootstrap(spec, places_of(spec, host)))]
    # Lambda's own runtimes start by it, custom ones do not ("Using wrapper scripts").
    wrapper = dict(spec.variables).get("AWS_LAMBDA_EXEC_WRAPPER")
    return [*([wrapper] if wrapper else []), *_interpreter(spec, host)]


def _bootstrap(spec: FunctionSpec, places: mounts.Places) -> Path:
    """The program of a custom runtime: in the code, or else in a layer."""
    for folder, inside in (
        (spec.task_root, places.task),
        *zip(spec.layers, places.layers, strict=True),
    ):
        if (folder / "bootstrap").is_file():
            if not _has_format(folder / "bootstrap"):
                # What an execvp(3) on the way would hand to a shell.
                raise InvalidEntrypointError(f"fork/exec {inside}/bootstrap: exec format error")
            return inside / "bootstrap"
    text = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    raise InvalidEntrypointError(text)


def _has_format(program: Path) -> bool:
    """Whether Linux would start it: a script that names its interpreter, or a program in binary for
    this processor (or for one that is emulated)."""
    if sys.platform != "linux" or not os.access(program, os.X_OK):
        return True
    kind = _head(program)
    if not kind.startswith(b"\x7fELF"):
        return kind.startswith(b"#!")
    machine, own = kind[18:20], _head(Path(sys.executable))[18:20]
    return machine in (own, _X86_32 if own == _X86_64 else own) or any(
        one.name not in ("register", "status") for one in _EMULATED.glob("*")
    )


def _head(program: Path) -> bytes:
    with program.open("rb") as file:
        return file.read(20)


def _interpreter(spec: FunctionSpec, host: ServerHost) -> list[str]:
    if spec.runtime.startswith("python"):
        bootstrap = str(_HERE / "python_bootstrap.py")
        places = places_of(spec, host)
        folders = [places.runtime, places.task, *_python_layers(spec, places)]
        return [sys.executable, "-S", "-s", "-P", bootstrap, spec.handler, *map(str, folders)]
    if spec.runtime.startswith("nodejs") and host.node:
        heap = f"--max-old-space-size={max(64, int(spec.memory_mb * 0.9))}"
        return [host.node, heap, str(_HERE / "node_bootstrap.mjs")]
    raise UsageError(why_not_here(spec.runtime, host))


def why_not_here(runtime: str, host: ServerHost, *, image: bool = False) -> str:
    """Why a function cannot run here, and what to do; "" for one that can."""
    if image:
        return (
            "a container image is not supported by the embedded AWS: package the function as a "
            "zip, with a layer for what the image holds beside it, or tune it on AWS"
        )
    if runtime.startswith(("python", "provided")):
        return ""
    if runtime.startswith("nodejs"):
        return "" if host.node else f"{runtime} needs node on the PATH; install Node.js and restart"
    for prefix, (program, language) in _OTHERS.items():
        if runtime.startswith(prefix):
            has = f"{program} is here" if shutil.which(program) else f"{program} is not here either"
            return (
                f'runtime "{runtime}" is not supported by the embedded AWS: Lambda\'s client for '
                f"{language} would have to be part of the package ({has}). Package it with a "
                '"bootstrap" program and use provided.al2023, or tune it on AWS'
            )
    return (
        f'runtime "{runtime}" is not supported by the embedded AWS; '
        "use pythonX.Y, nodejsX.x or provided.al2023"
    )


def extensions(spec: FunctionSpec, host: ServerHost) -> list[str]:
    """Programs of external extensions in the function's layers, in the order of their names."""
    places = places_of(spec, host)
    return sorted(
        str(inside / "extensions" / file.name)
        for layer, inside in zip(spec.layers, places.layers, strict=True)
        if (layer / "extensions").is_dir()
        for file in (layer / "extensions").iterdir()
        if file.is_file()
    )


def entered(
    runtime: list[str],
    spec: FunctionSpec,
    host: ServerHost,
    entry_files: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
) -> tuple[list[str], Mapping[str, str]]:
    """`runtime`, started by a shell that first enters its limits and what it sees of the host.

    Returns the arguments and the variables of the process to start. A limit is entered by writing
    the process's id into each of `entry_files`, so the runtime is inside from its first instruction
    on; `folder` is the environment's own. The shell and the programs that it calls are apart from
    `environment`, whose PATH or LD_PRELOAD are the function's: it reads that from a file at last.
    """
    entry = [f"echo $$ > {shlex.quote(path)}" for path in entry_files]
    programs = extensions(spec, host)
    if not entry and host.view is None and not programs:
        return runtime, environment
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    script = mounts.write_script(
        host.view, spec, folder, entry=entry, exports=exports, extensions=programs
    )
    marks = {name: environment[name] for name in (MARKER_NAME, MARK_NAME)}
    return ["/bin/sh", str(script), *runtime], {"PATH": f"{os.defpath}:/usr/sbin:/sbin", **marks}


def places_of(spec: FunctionSpec, host: ServerHost) -> mounts.Places:
    """Where the function finds its code, its layers and its runtime."""
    if host.view is not None:
        return host.view.places(spec)
    return mounts.Places(spec.task_root, spec.layers, host.runtime_packages)


def needed(runtime_packages: Path, node: str | None) -> list[Path]:
    """What runtimes read of the host."""
    interpreters = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent]
    if node is not None:
        interpreters.append(Path(node).resolve().parent)
    links = {link.resolve().parent for link in runtime_packages.iterdir()}
    return [_HERE, *interpreters, *sorted(links)]


def variables(
    spec: FunctionSpec, host: ServerHost, *, api: str, stream: str, key_id: str, folder: Path
) -> dict[str, str]:
    """Environment variables: those that AWS documents, the endpoint's, and the function's own.

    `folder` belongs to the execution environment and has the name of its sandbox.
    """
    reserved = {
        **_reserved(spec, places_of(spec, host), stream),
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_SESSION_TOKEN": "local",
        MARKER_NAME: host.marker,
        MARK_NAME: folder.name,
    }
    return {
        **_defaults(spec, host),
        "AWS_ENDPOINT_URL": host.endpoint_url,
        "AWS_EC2_METADATA_DISABLED": "true",
        **({} if host.view else {"TMPDIR": str(folder / "tmp")}),
        **dict(spec.variables),
        **reserved,
    }


def _reserved(spec: FunctionSpec, places: mounts.Places, stream: str) -> dict[str, str]:
    # docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, "Reserved environment
    # variables": the function cannot set them.
    reserved = {
        "_HANDLER": spec.handler,
        "_X_AMZN_TRACE_ID": "",
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_REGION": spec.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": _INITIALIZATION[spec.provisioned],
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "LAMBDA_TASK_ROOT": str(places.task),
        "LAMBDA_RUNTIME_DIR": str(places.runtime),
    }
    if spec.json_logs:
        reserved["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        reserved["AWS_LAMBDA_LOG_LEVEL"] = spec.application_log_level or "INFO"
    return reserved


def _defaults(spec: FunctionSpec, host: ServerHost) -> dict[str, str]:
    """What the function may set otherwise: there, "Unreserved environment variables"."""
    places = places_of(spec, host)
    task, runtime, opt = places.task, places.runtime, places.opt or places.layers
    libraries = [Path("/lib64"), Path("/usr/lib64"), runtime, runtime / "lib", task, task / "lib"]
    defaults = {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "PATH": _joined([*_PATH, *(layer / "bin" for layer in opt)]),
        "LD_LIBRARY_PATH": _joined([*libraries, *(layer / "lib" for layer in opt)]),
    }
    if spec.runtime.startswith("python"):
        # Code is read-only on AWS, so nothing is ever compiled to disk there.
        return {**defaults, "PYTHONDONTWRITEBYTECODE": "1"}
    if spec.runtime.startswith("nodejs"):
        path = node_module_path(spec, places, host.node)
        return {**defaults, "NODE_PATH": path}
    return defaults


def _python_layers(spec: FunctionSpec, places: mounts.Places) -> list[Path]:
    """Folders of packages in layers, by where they are seen."""
    tails = (f"python/lib/{spec.runtime}/site-packages", "python")
    return [
        inside / tail
        for layer, inside in zip(spec.layers, places.layers, strict=True)
        for tail in tails
        if (layer / tail).is_dir()
    ]


def _joined(paths: list[Path]) -> str:
    return os.pathsep.join(str(path) for path in paths)


SDK_FOLDER = "nodejs/node_modules/@aws-sdk/"
_SYSTEM_FOLDERS = ("/usr/local/lib/node_modules", "/usr/lib/node_modules", "/usr/share/nodejs")


def node_module_path(spec: FunctionSpec, places: mounts.Places, node: str | None) -> str:
    """NODE_PATH: folders of the layers, then the function's, then node's own."""
    folders = [
        inside / "nodejs" / tail
        for layer, inside in zip(spec.layers, places.layers, strict=True)
        for tail in (f"node{_major(spec.runtime)}/node_modules", "node_modules")
        if (layer / "nodejs" / tail).is_dir()
    ]
    return os.pathsep.join(map(str, [*folders, places.task, *global_folders(node)]))


@functools.cache
def global_folders(node: str | None) -> tuple[Path, ...]:
    """Folders with the AWS SDK among the modules that `node` offers everybody on this machine."""
    configured = [
        Path(entry) for entry in os.environ.get("NODE_PATH", "").split(os.pathsep) if entry
    ]
    installed = [Path(node).resolve().parent.parent / "lib/node_modules"] if node else []
    candidates = [*configured, *installed, *map(Path, _SYSTEM_FOLDERS)]
    return tuple(folder for folder in dict.fromkeys(candidates) if (folder / "@aws-sdk").is_dir())


def _major(runtime: str) -> str:
    return runtime.removeprefix("nodejs").partition(".")[0]


ROOTS = ("awslambdaric", "boto3")


def link_packages(folder: Path) -> None:
    """Fill `folder` with links to awslambdaric, boto3 and what they need, from this interpreter.

    Raises `UsageError` when one of them is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for package in _closure(ROOTS):
        for entry in _top_level(package):
            link = folder / entry.name
            if not link.is_symlink():
                link.symlink_to(entry)


def _closure(roots: tuple[str, ...]) -> list[Distribution]:
    packages: dict[str, Distribution] = {}
    names = list(roots)
    while names:
        name = names.pop()
        if name not in packages:
            packages[name] = _installed(name)
            names += _requirements(packages[name])
    return list(packages.values())


def _requirements(package: Distribution) -> list[str]:
    lines = [line for line in package.requires or () if "extra ==" not in line]
    return [re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for line in lines]


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as exc:
        raise UsageError(
            f'{name} is not installed; run: pip install "lambdatuning[local]"'
        ) from exc


def _top_level(package: Distribution) -> set[Path]:
    # The names alone: thousands of paths are not made into objects.
    record = package.read_text("RECORD")
    files = record.splitlines() if record else map(str, package.files or ())
    names = {re.split("[/,]", file, maxsplit=1)[0] for file in files}
    names -= {"", "..", "bin", "__pycache__"}
    return {Path(str(package.locate_file(name))) for name in names}
