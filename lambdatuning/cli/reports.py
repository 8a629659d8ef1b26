"""`lambdatuning report`: run notebooks strictly and export HTML."""

from pathlib import Path

import click

from ..core.errors import UsageError
from ..core.options import whole_number
from .output import say
from .session import Session, session_options

FOLDER = "notebooks"
_PARAMETER = ("-p", "--parameter")


class _Report(click.Command):
    """Takes `-p NAME VALUE`, as papermill does, beside `-p NAME=VALUE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        joined: list[str] = []
        for word in args:
            if len(joined) > 1 and joined[-2] in _PARAMETER and "=" not in joined[-1]:
                joined[-1] += f"={word}"
            else:
                joined.append(word)
        return super().parse_args(ctx, joined)


@click.command(cls=_Report)
@click.argument("notebooks", nargs=-1, metavar="[NOTEBOOK]...")
@click.option(
    *_PARAMETER,
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Notebook parameter (repeatable).",
)
@click.option(
    "--at-once", default="2", show_default=True, metavar="N", help="Notebooks that run at once."
)
@click.option(
    "--out", default="reports", show_default=True, metavar="FOLDER", help="Where HTML goes."
)
@session_options
def report(
    session: Session,
    notebooks: tuple[str, ...],
    parameters: tuple[str, ...],
    at_once: str,
    out: str,
) -> None:
    """Run NOTEBOOKs (default: all of notebooks/) and export HTML; the paths go to stdout."""
    from ..reporting.report import plan, report

    workers = whole_number("--at-once", at_once)
    names, values = _notebooks(notebooks), _parameters(parameters)
    plan(names, values, folder=Path.cwd())
    progress = session.output.progress()
    with session.environment():
        reports = report(names, values, out=out, workers=workers, on_progress=progress)
    for done in reports:
        say(f"{done.notebook.name}: {done.elapsed_s:.0f} s")
    paths = [str(done.html) for done in reports]
    session.output.show(paths, "\n".join(paths))


def _notebooks(named: tuple[str, ...]) -> list[str]:
    notebooks = list(named) or sorted(str(path) for path in Path(FOLDER).glob("*.ipynb"))
    if not notebooks:
        raise UsageError(f"no notebook in {FOLDER}/; name one, or run in the project's folder")
    return notebooks


def _parameters(given: tuple[str, ...]) -> dict[str, str]:
    parameters = {}
    for entry in given:
        name, equals, value = entry.partition("=")
        if not equals or not name:
            raise UsageError(f"-p {entry}: write -p NAME=VALUE")
        parameters[name] = value
    return parameters
