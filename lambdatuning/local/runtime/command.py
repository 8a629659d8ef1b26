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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from ...core.errors import UsageError
from ..function import FunctionSpec
from ..limiters.interface import MARK_NAME
from ..settings import SECRET_ACCESS_KEY
from . import mounts

MARKER_NAME = "LAMBDATUNING_SERVER"
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Host:
    """What every environment of one server has in common.

    `runtime_packages` is the folder that `link_packages` filled; `marker` is packages
    in the environment of every process that belongs to this server; `tmp_tools` is None where
    functions cannot have a /tmp of their own, but only a TMPDIR.
    """

    endpoint_url: str
    marker: str
    runtime_packages: Path
    node: str | None
    node_version: str | None = None
    tmp_tools: mounts.Tools | None = None


def find_node() -> str | None:
    """Path of the local node, or None."""
    return shutil.which("node")


def interpreter(spec: FunctionSpec, host: Host) -> str:
    """What a function runs on here, whatever version its runtime names: `Python 3.11.7`."""
    if spec.runtime.startswith("nodejs"):
        return f"Node.js {host.node_version}"
    return f"Python {platform.python_version()}"


def node_version(node: str | None) -> str | None:
    """Version of the program `node`, e.g. `20.20.2`."""
    if node is None:
        return None
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        shown = subprocess.run(  # noqa: S603 - the node that functions run on
            [node, "--version"], check=True, capture_output=True, text=True, timeout=10
        )
        return shown.stdout.strip().removeprefix("v") or None
    return None


def arguments(spec: FunctionSpec, host: Host) -> list[str]:
    """The command line. Raises `UsageError` for a runtime that cannot run here."""
    if spec.runtime.startswith("python"):
        bootstrap = str(_HERE / "python_bootstrap.py")
        places = [host.runtime_packages, spec.task_root, *_python_layers(spec)]
        return [sys.executable, "-S", "-s", "-P", bootstrap, spec.handler, *map(str, places)]
    if spec.runtime.startswith("nodejs"):
        if host.node is None:
            raise UsageError(f"{spec.runtime} needs node on the PATH; install Node.js and restart")
        heap = f"--max-old-space-size={max(64, int(spec.memory_mb * 0.9))}"
        return [host.node, heap, str(_HERE / "node_bootstrap.mjs")]
    raise UsageError(
        f'runtime "{spec.runtime}" is not supported by the embedded AWS; use pythonX.Y or nodejsX.x'
    )


def entered(
    runtime: list[str],
    spec: FunctionSpec,
    host: Host,
    entry_files: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
) -> tuple[list[str], Mapping[str, str]]:
    """`runtime`, started by a shell that first gives it its own /tmp and enters its limits.

    Returns the arguments and the variables of the process to start. A limit is entered by writing
    the process's id into each of `entry_files`, so the runtime is inside from its first instruction
    on; `folder` is where its /tmp is made. The shell and the programs that it calls are apart from
    `environment`, whose PATH or LD_PRELOAD are the function's: it reads that from a file at last.
    """
    script = [f"echo $$ > {shlex.quote(path)}" for path in entry_files]
    prefix: list[str] = []
    if host.tmp_tools is not None:
        prefix = mounts.namespace(host.tmp_tools)
        needed = _needed(spec, host)
        script = [*mounts.lines(host.tmp_tools, folder, spec.ephemeral_mb, needed), *script]
    if not script:
        return runtime, environment
    lines = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    file = folder / "launch.sh"
    file.touch(mode=0o600)
    file.write_text("\n".join([*script, *lines, 'exec "$@"\n']), "utf-8", "replace")
    marks = {name: environment[name] for name in (MARKER_NAME, MARK_NAME)}
    own = {"PATH": f"{os.defpath}:/usr/sbin:/sbin", **marks}
    return [*prefix, "/bin/sh", str(file), *runtime], own


def _needed(spec: FunctionSpec, host: Host) -> list[Path]:
    """What the runtime reads of the host."""
    interpreters = [Path(sys.prefix), Path(sys.base_prefix)]
    if host.node is not None:
        interpreters.append(Path(host.node).resolve().parent)
    return [spec.task_root, *spec.layers, host.runtime_packages, _HERE, *interpreters]


def variables(
    spec: FunctionSpec, host: Host, *, api: str, stream: str, key_id: str, folder: Path
) -> dict[str, str]:
    """Environment variables: those that AWS documents, the endpoint's, and the function's own.

    `folder` belongs to the execution environment and has the name of its sandbox.
    """
    reserved = {
        **_reserved(spec, stream),
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_SESSION_TOKEN": "local",
        MARKER_NAME: host.marker,
        MARK_NAME: folder.name,
    }
    return {
        **_defaults(spec, host),
        "PATH": _joined([Path("/usr/local/bin"), *_bins(spec)]) + f":{os.defpath}",
        "AWS_ENDPOINT_URL": host.endpoint_url,
        "AWS_EC2_METADATA_DISABLED": "true",
        **({} if host.tmp_tools else {"TMPDIR": str(folder / "tmp")}),
        **dict(spec.variables),
        **reserved,
    }


def _reserved(spec: FunctionSpec, stream: str) -> dict[str, str]:
    # docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, "Reserved environment
    # variables": the function cannot set them.
    given = {
        "_HANDLER": spec.handler,
        "_X_AMZN_TRACE_ID": "",
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_REGION": spec.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "LAMBDA_TASK_ROOT": str(spec.task_root),
        "LAMBDA_RUNTIME_DIR": str(_HERE),
    }
    if spec.json_logs:
        given["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        given["AWS_LAMBDA_LOG_LEVEL"] = spec.application_log_level or "INFO"
    return given


def _defaults(spec: FunctionSpec, host: Host) -> dict[str, str]:
    """What the function may set otherwise: there, "Unreserved environment variables"."""
    given = {"LANG": "en_US.UTF-8", "TZ": ":UTC", "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR"}
    if spec.runtime.startswith("python"):
        # Code is read-only on AWS, so nothing is ever compiled to disk there.
        return {**given, "PYTHONDONTWRITEBYTECODE": "1"}
    path = node_module_path(spec.runtime, spec.layers, spec.task_root, host.node)
    return {**given, "NODE_PATH": path}


def _python_layers(spec: FunctionSpec) -> list[Path]:
    versioned = f"python/lib/{spec.runtime}/site-packages"
    places = [layer / tail for layer in spec.layers for tail in (versioned, "python")]
    return [place for place in places if place.is_dir()]


def _bins(spec: FunctionSpec) -> list[Path]:
    return [layer / "bin" for layer in spec.layers]


def _joined(paths: list[Path]) -> str:
    return os.pathsep.join(str(path) for path in paths)


SDK_FOLDER = "nodejs/node_modules/@aws-sdk/"
_SYSTEM_FOLDERS = ("/usr/local/lib/node_modules", "/usr/lib/node_modules", "/usr/share/nodejs")


def node_module_path(
    runtime: str, layers: Iterable[Path], task_root: Path, node: str | None
) -> str:
    """NODE_PATH: folders of the layers, in their order, then the function's, then node's own."""
    of_layers = [
        layer / "nodejs" / folder
        for layer in layers
        for folder in (f"node{_major(runtime)}/node_modules", "node_modules")
    ]
    folders = [folder for folder in of_layers if folder.is_dir()]
    return os.pathsep.join(map(str, [*folders, task_root, *global_folders(node)]))


@functools.cache
def global_folders(node: str | None) -> tuple[Path, ...]:
    """Folders with the AWS SDK among the modules that `node` offers everybody on this machine."""
    named = [Path(entry) for entry in os.environ.get("NODE_PATH", "").split(os.pathsep) if entry]
    beside = [Path(node).resolve().parent.parent / "lib/node_modules"] if node else []
    candidates = [*named, *beside, *map(Path, _SYSTEM_FOLDERS)]
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
    names = {file.parts[0] for file in package.files or ()} - {"..", "bin", "__pycache__"}
    return {Path(str(package.locate_file(name))) for name in names}
