"""`lambdatuning local`: the embedded AWS in the foreground, or around another command."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click

from ...core.errors import LambdaTuningError, UsageError
from ...workspace.extras import require
from ..options import place
from ..output import say


# Everything after --run belongs to the command, options included.
@click.command(context_settings={"allow_interspersed_args": False})
@click.option(
    "--port",
    default="4566",
    show_default=True,
    metavar="N",
    help="Port on loopback, 0 for a free one.",
)
@click.option("--host", help="Another address than loopback: opens it to your network.")
@click.option(
    "--limiter", default="auto", show_default=True, help="auto, cgroup2, cgroup1 or sigstop."
)
@click.option(
    "--settle",
    default="strict",
    show_default=True,
    help="strict (exact) or period (as AWS bursts).",
)
@click.option(
    "--strict",
    callback=place,
    metavar="FILE",
    help="JSON file of switches that make it as strict as an account: IAM, denials, slow updates.",
)
@click.option("--log-file", callback=place, metavar="FILE", help="Where the server's errors go.")
@click.option("--run", "runs", is_flag=True, help="Run COMMAND in it, then stop.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def local(
    port: str,
    host: str | None,
    limiter: str,
    settle: str,
    strict: str | None,
    log_file: str | None,
    runs: bool,
    command: tuple[str, ...],
) -> int:
    """Serve the embedded AWS until Ctrl-C, or until COMMAND ends; its exit code."""
    require("local")
    from ...core.validation import whole_number
    from ...local.endpoint import start
    from ...local.settings import LOOPBACK

    _refuse_bad_command(runs, command)
    host = host or LOOPBACK[0]
    if host not in LOOPBACK:
        say(f"warning: {host} is no loopback address: whoever reaches it can run code here")
    with start(
        port=whole_number("--port", port, 0, 65_535),
        host=host,
        limiter=limiter,
        settle=settle,
        log_file=Path(log_file) if log_file else None,
        strict=Path(strict) if strict else None,
    ) as endpoint:
        if command:
            environment = os.environ | endpoint.environment
            return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603
        for name, value in endpoint.environment.items():
            print(f"export {name}={value}")
        sys.stdout.flush()
        say(f"the embedded AWS serves at {endpoint.url}; Ctrl-C stops it")
        _wait_for(endpoint.process)
    return 0


def _refuse_bad_command(runs: bool, command: tuple[str, ...]) -> None:
    """Before anything is started for it."""
    if command and not runs:
        raise UsageError(f"write --run before the command: --run {' '.join(command)}")
    if runs and (not command or shutil.which(command[0]) is None):
        raise UsageError(f"--run {' '.join(command)}: name a command that is there")


def _wait_for(process: "subprocess.Popen[bytes]") -> None:
    """Until Ctrl-C; a server that ends by itself is an error."""
    try:
        code = process.wait()
    except KeyboardInterrupt:
        return
    raise LambdaTuningError(f"the embedded AWS ended by itself (exit code {code}); see --log-file")
