"""Finds and runs a command; turns errors into one line and an exit code."""

import importlib
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import click

from ..core.errors import LambdaTuningError, OptionError, UnexpectedError, UsageError
from ..core.slow_imports import skip_slow_imports
from .output import fail, finish, open_streams, readable_anywhere, warnings_in_one_line


class _Listed(NamedTuple):
    module: str
    summary: str


COMMANDS = {
    "init": _Listed("project", "Write a project of your own into a folder."),
    "config": _Listed("project", "Show the settings, and where each comes from."),
    "local": _Listed("local", "Serve the embedded AWS on this machine."),
    "doctor": _Listed("account", "Check login, endpoint, quotas, stack and installation."),
    "deploy": _Listed("stack", "Deploy or update the stack of template.yaml."),
    "status": _Listed("stack", "Show the stack and its outputs."),
    "destroy": _Listed("stack", "Remove the stack and everything in it."),
    "tune": _Listed("tuning", "Tune one function."),
    "benchmark": _Listed("tuning", "Tune the stack's function for every payload type."),
    "runs": _Listed("runs", "List stored runs."),
    "compare": _Listed("runs", "Compare runs: before and after, functions, published curves."),
    "history": _Listed("history", "What changed over all runs of a function."),
    "report": _Listed("reports", "Run notebooks and export HTML."),
    "logs": _Listed("runs", "Make a run of exported logs, in whatever form they are."),
    "executions": _Listed("runs", "List past executions of a tuner, also of Power Tuning."),
    "show": _Listed("runs", "Show the answer of a stored run, or a visualization URL."),
    "prices": _Listed("account", "Show the price book, or refresh it from AWS."),
    "schedule": _Listed("schedules", "Measure, report and compare every night."),
    "mcp": _Listed("mcp", "Serve runs and answers to agents (MCP, stdio)."),
    "schema": _Listed("schema", "Print JSON Schemas of the --json outputs."),
    "clean": _Listed("tuning", "Put back what a dead run left on a function."),
}
"""Every command in the order of the help text: the module that holds it, and what it does."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    skip_slow_imports()
    open_streams()
    readable_anywhere(sys.stdout, sys.stderr)
    arguments = sys.argv[1:] if argv is None else list(argv)
    with warnings_in_one_line():
        code = _run(arguments)
    try:
        finish(sys.stdout)
    except OSError as exc:
        return code or fail(str(_explained(exc)), 1)
    return code


def _run(arguments: list[str]) -> int:
    try:
        return int(application.main(arguments, "lambdatuning", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as exc:
        print(exc.format_message(), file=sys.stderr)
        return exc.exit_code
    except click.UsageError as exc:
        return fail(_with_advice(exc), 2)
    except click.ClickException as exc:
        return fail(exc.format_message(), exc.exit_code)
    except click.Abort:
        return fail("stopped", 130)
    except OSError as exc:  # the help could not be written
        return fail(str(_explained(exc)), 1)


class _Commands(click.Group):
    """Imports the module of a command when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f".commands.{COMMANDS[cmd_name].module}", __package__)
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, listed.summary) for name, listed in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.exceptions.NoSuchCommand(args[0], possibilities=COMMANDS, ctx=ctx)
        name, command, rest = super().resolve_command(ctx, args)
        if not ctx.resilient_parsing:  # the Tab key: a name is completed, nothing runs
            needed = name not in _WITHOUT_SETTINGS and not {"-h", "--help"}.intersection(rest)
            ctx.default_map = _defaults(needed)
        return name, command, rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; every error becomes one line and an exit code."""
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit as exc:
            return exc.exit_code
        except click.ClickException:
            raise
        except (Exception, KeyboardInterrupt) as exc:
            return fail(*_message(_as_typed(exc, self, ctx)))


SCHEDULE = ("run", "print", "deploy", "destroy")
"""The commands of `lambdatuning schedule`."""


_WITHOUT_SETTINGS = frozenset(("doctor", "init", "schema"))
"""Commands that work where the project's settings are broken; doctor says so."""


def _defaults(needed: bool) -> dict[str, dict[str, Any]]:
    """The project's settings, which options that are not given take; none if they are broken and
    not needed."""
    from ..workspace.settings import read_settings
    from .options import defaults

    try:
        values = defaults(read_settings())
    except UsageError:
        if needed:
            raise
        return {}
    # A command with commands of its own looks for theirs below its name.
    return {**dict.fromkeys(COMMANDS, values), "schedule": dict.fromkeys(SCHEDULE, values)}


def _as_typed(
    error: Exception | KeyboardInterrupt, group: click.Group, ctx: click.Context
) -> Exception | KeyboardInterrupt:
    """The error with its option as it is written on the command line."""
    if not isinstance(error, OptionError) or not ctx.invoked_subcommand:
        return error
    names = _flags(group.get_command(ctx, ctx.invoked_subcommand))
    flag = {**names, **_OTHER_NAMES}.get(error.option)
    return OptionError(flag, error.problem) if flag else error


_OTHER_NAMES = {"cost_tolerance": "--tolerance"}
"""Options that the command line knows by another name than Python."""


def _flags(command: click.Command | None) -> dict[str, str]:
    """The options of a command, and of those below it, by their names in Python."""
    below = command.commands.values() if isinstance(command, click.Group) else ()
    flags = {name: flag for child in below for name, flag in _flags(child).items()}
    for option in command.params if command else ():
        if isinstance(option, click.Option) and option.name:
            flags[option.name] = max(option.opts, key=len)
    return flags


def _message(error: Exception | KeyboardInterrupt) -> tuple[str, int]:
    """One line for what went wrong, and the exit code; a fault of ours leaves a trace."""
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "stopped", 130
    explained = _explained(error)
    trace = f" (its trace: {_trace(error)})" if isinstance(explained, UnexpectedError) else ""
    return f"{explained}{trace}", explained.exit_code


def _explained(error: Exception) -> LambdaTuningError:
    if isinstance(error, LambdaTuningError):
        return error
    if isinstance(error, ImportError):
        from ..workspace.extras import missing_extra

        if missing := missing_extra(error):
            return missing
    from ..cloud.aws_errors import explain  # which imports boto3: a usage error waits for nothing

    return explain(error)


def _trace(error: Exception) -> str:
    """The file that a trace was written to."""
    import tempfile  # both take a third of the time of `lambdatuning --help`
    import traceback

    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="lambdatuning-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            traceback.print_exception(error, file=file)
            return file.name
    except OSError:
        return "none: no file could be written"


def _with_advice(error: click.UsageError) -> str:
    """The message, and where to read more."""
    path = error.ctx.command_path if error.ctx else "lambdatuning"
    return f"{error.format_message()} See `{path} --help`."


def _version(ctx: click.Context, _: click.Parameter, is_given: bool) -> None:
    if is_given:
        from .. import __version__

        click.echo(f"lambdatuning {__version__}")
        ctx.exit()


@click.command(
    "lambdatuning",
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with `lambdatuning report --local`, which needs no account, or with "
    "`lambdatuning tune FUNCTION --payload event.json`. `lambdatuning COMMAND --help` tells more; "
    "--local runs a command on an embedded AWS of its own. Exit codes: 0 done, 1 failed, 2 wrong "
    "usage, 3 regression found, 4 declined, 5 cannot tell, 130 stopped by Ctrl-C.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
def application() -> None:
    """How much memory should a Lambda function have, and what does it cost?"""
