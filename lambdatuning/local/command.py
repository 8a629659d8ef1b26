"""How the runtime of an execution environment is started: arguments and environment variables."""

import contextlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import UsageError
from . import node_runtime, own_tmp
from .function import FunctionSpec
from .limiters.interface import MARK_NAME

MARKER_NAME = "LAMBDATUNING_SERVER"
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Host:
    """What every environment of one server has in common.

    `runtime_packages` is the folder that `python_runtime.link_packages` filled; `marker` is found
    in the environment of every process that belongs to this server; `tmp_tools` is None where
    functions cannot have a /tmp of their own, but only a TMPDIR.
    """

    endpoint_url: str
    marker: str
    runtime_packages: Path
    node: str | None
    node_version: str | None = None
    tmp_tools: own_tmp.Tools | None = None


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
        return [sys.executable, "-S", "-s", "-P", bootstrap, spec.handler]
    if spec.runtime.startswith("nodejs"):
        if host.node is None:
            raise UsageError(f"{spec.runtime} needs node on the PATH; install Node.js and restart")
        heap = f"--max-old-space-size={max(64, int(spec.memory_mb * 0.9))}"
        return [host.node, heap, str(_HERE / "node_bootstrap.mjs")]
    raise UsageError(
        f'runtime "{spec.runtime}" is not supported by the embedded AWS; use pythonX.Y or nodejsX.x'
    )


def entered(
    runtime: list[str], spec: FunctionSpec, host: Host, entry_files: Sequence[str], folder: Path
) -> list[str]:
    """`runtime`, started by a shell that first gives it its own /tmp and enters its limits.

    A limit is entered by writing the process's id into each of `entry_files`, so the runtime is
    inside from its first instruction on; `folder` is where its /tmp is made.
    """
    script = [f"echo $$ > {shlex.quote(path)}" for path in entry_files]
    prefix: list[str] = []
    if host.tmp_tools is not None:
        prefix = own_tmp.namespace(host.tmp_tools)
        needed = _needed(spec, host)
        script = [*own_tmp.lines(host.tmp_tools, folder, spec.ephemeral_mb, needed), *script]
    if not script:
        return runtime
    return [*prefix, "/bin/sh", "-c", "\n".join([*script, 'exec "$@"']), "sh", *runtime]


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

    `folder` belongs to the execution environment and has the name of its cage.
    """
    return {
        **_documented(spec, stream),
        **_language(spec, host),
        "PATH": _joined([Path("/usr/local/bin"), *_bins(spec)]) + f":{os.defpath}",
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
        "AWS_ENDPOINT_URL": host.endpoint_url,
        "AWS_EC2_METADATA_DISABLED": "true",
        **({} if host.tmp_tools else {"TMPDIR": str(folder / "tmp")}),
        **dict(spec.variables),
        MARKER_NAME: host.marker,
        MARK_NAME: folder.name,
    }


def _documented(spec: FunctionSpec, stream: str) -> dict[str, str]:
    # docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, "Defined runtime variables".
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
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LANG": "en_US.UTF-8",
        "LAMBDA_TASK_ROOT": str(spec.task_root),
        "LAMBDA_RUNTIME_DIR": str(_HERE),
        "TZ": ":UTC",
    }
    if spec.json_logs:
        given["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        given["AWS_LAMBDA_LOG_LEVEL"] = spec.application_log_level or "INFO"
    return given


def _language(spec: FunctionSpec, host: Host) -> dict[str, str]:
    if spec.runtime.startswith("python"):
        roots = [spec.task_root, *(layer / "python" for layer in spec.layers)]
        roots += [*_versioned_layers(spec), host.runtime_packages]
        # Code is read-only on AWS, so nothing is ever compiled to disk there.
        return {"PYTHONPATH": _joined(roots), "PYTHONDONTWRITEBYTECODE": "1"}
    path = node_runtime.module_path(spec.runtime, spec.layers, spec.task_root, host.node)
    return {"NODE_PATH": path}


def _versioned_layers(spec: FunctionSpec) -> list[Path]:
    tail = f"python/lib/{spec.runtime}/site-packages"
    return [layer / tail for layer in spec.layers if (layer / tail).is_dir()]


def _bins(spec: FunctionSpec) -> list[Path]:
    return [layer / "bin" for layer in spec.layers]


def _joined(paths: list[Path]) -> str:
    return os.pathsep.join(str(path) for path in paths)
