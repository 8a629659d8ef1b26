"""`lambdatuning local`: the embedded AWS in the foreground, or around another command."""

import os
import shutil
import subprocess
import sys
from argparse import REMAINDER, ArgumentParser, Namespace
from pathlib import Path

from .manners import say


def add_arguments(parser: ArgumentParser) -> None:
    """Port, limiter, settling, and a command to run in it."""
    parser.add_argument("--port", default="4566", help="port on loopback, 0 for a free one (4566)")
    parser.add_argument("--host", help="another address than loopback: opens it to your network")
    parser.add_argument("--limiter", default="auto", help="auto, cgroup2, cgroup1 or sigstop")
    parser.add_argument(
        "--settle", default="strict", help="strict (exact) or period (as AWS bursts)"
    )
    parser.add_argument("--log-file", metavar="FILE", help="where the server's complaints go")
    parser.add_argument(
        "--run", nargs=REMAINDER, metavar="COMMAND", help="run this command in it, then stop"
    )


def run(arguments: Namespace) -> int:
    """Serve until Ctrl-C, or until the command given with --run ends; its exit code."""
    from ..core.options import whole_number
    from ..local.endpoint import start
    from ..local.settings import LOOPBACK

    _refuse_bad_command(arguments.run)
    host = arguments.host or LOOPBACK[0]
    if host not in LOOPBACK:
        say(f"warning: {host} is no loopback address: whoever reaches it can run code here")
    with start(
        port=whole_number("--port", arguments.port, 0, 65_535),
        host=host,
        limiter=arguments.limiter,
        settle=arguments.settle,
        log_file=Path(arguments.log_file) if arguments.log_file else None,
    ) as endpoint:
        if arguments.run:
            environment = os.environ | endpoint.environment
            return subprocess.run(arguments.run, env=environment, check=False).returncode  # noqa: S603
        for name, value in endpoint.environment.items():
            print(f"export {name}={value}")
        sys.stdout.flush()
        say(f"the embedded AWS serves at {endpoint.url}; Ctrl-C stops it")
        _wait_for(endpoint.process)
    return 0


def _refuse_bad_command(command: list[str] | None) -> None:
    """Before anything is started for it."""
    from ..core.errors import UsageError

    if command is not None and (not command or shutil.which(command[0]) is None):
        raise UsageError(f"--run {' '.join(command)}: name a command that is there")


def _wait_for(process: "subprocess.Popen[bytes]") -> None:
    """Until Ctrl-C; a server that ends by itself is an error."""
    from ..core.errors import LambdaTuningError

    try:
        code = process.wait()
    except KeyboardInterrupt:
        return
    raise LambdaTuningError(f"the embedded AWS ended by itself (exit code {code}); see --log-file")
