"""The command line: parses, routes to `commands`, turns errors into one line and an exit code.

Exit codes: 0 done, 1 failed, 2 usage, 3 regression found, 4 declined, 130 stopped by Ctrl-C.
"""

import argparse
import importlib
import sys
import warnings
from collections.abc import Sequence

from .core.errors import LambdaTuningError, RunSkippedWarning

_COMMANDS = {
    "local": "serve the embedded AWS on this machine",
    "doctor": "check login, endpoint, quotas, stack and installation",
    "deploy": "deploy or update the stack of template.yaml",
    "status": "show the stack and its outputs",
    "destroy": "remove the stack and everything in it",
    "tune": "tune one function",
    "benchmark": "tune the stack's function for every payload type in one run",
    "runs": "list stored runs",
    "compare": "compare runs: before and after, two architectures or functions, published curves",
    "report": "run notebooks and export HTML",
    "executions": "list past executions of a tuner, also of AWS Lambda Power Tuning",
    "show": "read a published visualization URL",
    "prices": "show the price book, or refresh it from the AWS Price List API",
    "clean": "put back what a dead run left on a function",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    with warnings.catch_warnings():
        warnings.simplefilter("always", RunSkippedWarning)
        told = warnings.showwarning
        warnings.showwarning = lambda message, category, *rest: (
            print(f"lambdatuning: {message}", file=sys.stderr)
            if issubclass(category, RunSkippedWarning)
            else told(message, category, *rest)
        )
        return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    try:
        return int(arguments.execute(arguments) or 0)
    except LambdaTuningError as exc:
        return _say(str(exc), exc.exit_code)
    except KeyboardInterrupt as exc:
        return _say(str(exc) or "stopped; what was begun has been undone", 130)
    except BrokenPipeError:
        # The reader of our output has seen enough; keep Python from complaining at exit.
        sys.stderr.close()
        return 0
    except OSError as exc:
        return _say(f"{_where(exc)}{exc.strerror or exc}; mend that, then try again", 1)
    except Exception as exc:
        return _explain(exc)


def _say(message: str, code: int) -> int:
    # A line of progress that rewrites itself may stand there half told.
    over = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(f"{over}lambdatuning: {' '.join(message.split())}", file=sys.stderr)
    return code


def _where(error: OSError) -> str:
    return "" if error.filename is None else f"{error.filename}: "


def _explain(error: Exception) -> int:
    """One line for what boto3 raises; anything else is a fault of ours and keeps its trace."""
    from .cloud.explain import explain

    explained = explain(error)
    return _say(str(explained), explained.exit_code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lambdatuning",
        description="How much memory should a Lambda function have, and what does it cost?",
        epilog="`lambdatuning COMMAND --help` tells more; every command takes --local to run "
        "on an embedded AWS of its own, without an account.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    common = _common()
    for name, words in _COMMANDS.items():
        module = importlib.import_module(f".commands.{name}", __package__)
        parents = [] if name == "local" else [common]
        sub = commands.add_parser(name, help=words, description=words, parents=parents)
        module.add_arguments(sub)
        sub.set_defaults(execute=module.run)
    return parser


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    place = common.add_argument_group("where")
    place.add_argument("--profile", help="AWS profile")
    place.add_argument("--region", help="AWS region")
    place.add_argument("--endpoint-url", help="endpoint to use instead of AWS's own")
    place.add_argument(
        "--local", action="store_true", help="start an embedded AWS for this command"
    )
    manners = common.add_argument_group("manners")
    manners.add_argument("--yes", action="store_true", help="do not ask before billing or changing")
    manners.add_argument("--json", action="store_true", help="print data only, as JSON")
    manners.add_argument("--quiet", action="store_true", help="show no progress")
    return common


if __name__ == "__main__":
    sys.exit(main())
