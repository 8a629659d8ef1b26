"""The embedded AWS's own invoker on real processes, without HTTP or ministack around it."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lambdatuning.local import cleanup
from lambdatuning.local.admission import Admission
from lambdatuning.local.function import FunctionSpec
from lambdatuning.local.invoker import Invoker, Ledger
from lambdatuning.local.limiters import choose
from lambdatuning.local.limiters.cores import host_cores
from lambdatuning.local.pool import Pool
from lambdatuning.local.runtime import command, mounts

ECHO = "def handler(event, context):\n    return event\n"


@contextlib.contextmanager
def running(
    source: str = ECHO, limiter: str = "auto", runtime: str = "python3.12", file: str = "app.py"
) -> Iterator[tuple[Invoker, FunctionSpec]]:
    """An invoker with a function of one source file at one full vCPU; all gone afterwards."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        (folder / "code").mkdir()
        (folder / "code" / file).write_text(source)
        (folder / "code" / file).chmod(0o755)
        ident = cleanup.server_ident(os.getpid())
        sandboxes = choose(limiter, ident).limiter
        host = _host(folder, ident)
        pool = Pool(host, sandboxes, folder / "environments", lambda _arn: True)
        try:
            sandboxes.protect(os.getpid())
            yield (
                Invoker(pool, Admission(host_cores()), Ledger(), lambda *_: None, strict=True),
                replace(spec(folder / "code"), runtime=runtime),
            )
        finally:
            pool.close()
            sandboxes.close()
            if host.view is not None:
                host.view.close()


def left_by(pid: int) -> dict[str, float]:
    """Open descriptors, child processes and resident MB of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return {
        "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "processes": sum(len((task / "children").read_text().split()) for task in tasks),
        "mb": int(status.partition("VmRSS:")[2].split()[0]) / 1024,
    }


def _host(folder: Path, ident: str) -> command.ServerHost:
    packages = folder / "python"
    command.link_packages(packages)
    node = command.find_node()
    marks = {command.MARKER_NAME: ident}
    view = mounts.prepare(folder, packages, command.needed(packages, node), marks).view
    return command.ServerHost("http://127.0.0.1:9", ident, packages, node, view=view)


def spec(code: Path) -> FunctionSpec:
    """A function at one full vCPU."""
    return FunctionSpec(
        arn="arn:aws:lambda:us-east-1:111122223333:function:inside",
        name="inside",
        version="$LATEST",
        runtime="python3.12",
        handler="app.handler",
        memory_mb=1769,
        timeout_s=60,
        task_root=code,
        revision="first",
        account_id="111122223333",
        region="us-east-1",
        log_group="/aws/lambda/inside",
    )
