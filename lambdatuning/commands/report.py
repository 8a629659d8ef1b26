"""`lambdatuning report`: run notebooks strictly and export HTML."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..core.options import whole_number
from .manners import progress, say, show
from .place import surroundings

FOLDER = "notebooks"


def add_arguments(parser: ArgumentParser) -> None:
    """Which notebooks, with which parameters, where to."""
    parser.add_argument("notebook", nargs="*", help=f"notebooks (default: all of {FOLDER}/)")
    parser.add_argument(
        "-p",
        "--parameter",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="notebook parameter (repeatable)",
    )
    parser.add_argument("--at-once", default=2, metavar="N", help="notebooks that run at once (2)")
    parser.add_argument("--out", default="reports", metavar="FOLDER", help="where HTML goes")


def run(arguments: Namespace) -> int:
    """Run the notebooks; the paths of the reports go to stdout."""
    from ..reporting.report import plan, report

    workers = whole_number("--at-once", arguments.at_once)
    notebooks, parameters = _notebooks(arguments.notebook), dict(arguments.parameter)
    plan(notebooks, parameters, folder=Path.cwd())
    with surroundings(arguments):
        reports = report(
            notebooks,
            parameters,
            out=arguments.out,
            workers=workers,
            on_progress=progress(arguments),
        )
    for done in reports:
        say(f"{done.notebook.name}: {done.elapsed_s:.0f} s")
    paths = [str(done.html) for done in reports]
    show(arguments, paths, "\n".join(paths))
    return 0


def _notebooks(named: list[str]) -> list[str]:
    from ..core.errors import UsageError

    found = named or sorted(str(path) for path in Path(FOLDER).glob("*.ipynb"))
    if not found:
        raise UsageError(f"no notebook in {FOLDER}/; name one, or run in the project's folder")
    return found
