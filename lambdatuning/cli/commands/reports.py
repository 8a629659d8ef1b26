"""`lambdatuning report`: run notebooks strictly and export HTML."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...core.errors import UsageError
from ...core.validation import whole_number
from ...workspace import resources
from ...workspace.extras import require
from ...workspace.settings import read_settings
from ..options import pairs, place
from ..output import say
from ..session import Session, session_options

if TYPE_CHECKING:
    from ...reporting.report import Job

_PAIRS = frozenset(("-p", "--parameter", "-r", "--parameter-raw"))
_PARAMETERS = {
    "strategy": "strategy",
    "weight": "weight",
    "deadline_ms": "deadline",
    "monthly_invocations": "volume",
    "max_regression_percent": "max_regression",
}
"""Parameters of notebooks, and the settings that they take if nothing is given."""


class _Report(click.Command):
    """Takes `-p NAME VALUE`, as papermill does, beside `-p NAME=VALUE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        joined: list[str] = []
        for word in args:
            if len(joined) > 1 and joined[-2] in _PAIRS and "=" not in joined[-1]:
                joined[-1] += f"={word}"
            else:
                joined.append(word)
        return super().parse_args(ctx, joined)


@click.command(cls=_Report)
@click.argument("notebooks", nargs=-1, callback=place, metavar="[NOTEBOOK]...")
@click.option(
    *("-p", "--parameter", "typed"),
    multiple=True,
    metavar="NAME=VALUE",
    help="Notebook parameter, also as NAME VALUE (repeatable).",
)
@click.option(
    *("-r", "--parameter-raw", "raw"),
    multiple=True,
    metavar="NAME=VALUE",
    help="The same, its value taken as text (repeatable).",
)
@click.option(
    *("-y", "--parameters-yaml", "texts"),
    multiple=True,
    metavar="YAML",
    help='Notebook parameters as YAML or JSON, such as "{num: 20}" (repeatable).',
)
@click.option(
    *("-f", "--parameters-file", "files"),
    multiple=True,
    callback=place,
    metavar="FILE",
    help="The same from a file or an address (repeatable).",
)
@click.option(
    "--at-once", default="2", show_default=True, metavar="N", help="Notebooks that run at once."
)
@click.option(
    "--out",
    default="reports",
    show_default=True,
    callback=place,
    metavar="PLACE",
    help="Where HTML goes: a folder, or an address such as s3://bucket/prefix.",
)
@click.option(
    "--name",
    default="{notebook}",
    show_default=True,
    metavar="PATTERN",
    help="Names of the reports, of {notebook}, {date}, {time} and parameters.",
)
@click.option(
    "--keep-notebooks",
    is_flag=True,
    help="Leave each executed notebook beside its report, as papermill does.",
)
@session_options
def report(
    session: Session,
    /,
    notebooks: tuple[str, ...],
    at_once: str,
    out: str,
    name: str,
    keep_notebooks: bool,
    **given: tuple[str, ...],
) -> None:
    """Run NOTEBOOKs, or those of a folder (default: notebooks/), and export HTML; the paths go to
    stdout."""
    require("report")
    from ...reporting.index import NAME as INDEX
    from ...reporting.report import plan, report

    workers = whole_number("--at-once", at_once)
    paths, values = notebook_paths(session, notebooks), _parameters(given)
    jobs = plan(paths, values, folder=Path.cwd(), name=name)
    values = {**_settings(jobs), **values}
    progress = session.output.progress()
    with session.environment():
        values |= _consent(session, [job for job in jobs if job.alone])
        reports = report(
            paths,
            values,
            out=out,
            name=name,
            workers=workers,
            keep_notebooks=keep_notebooks,
            on_progress=progress,
        )
    for finished in reports:
        if not session.output.quiet:
            say(f"{finished.notebook.name}: {finished.elapsed_s:.0f} s")
    if len(reports) > 1 and not session.output.quiet:
        say(f"Open {out.rstrip('/')}/{INDEX}: the answer of each of them.")
    addresses = [finished.address for finished in reports]
    session.output.show(addresses, "\n".join(addresses))


def _consent(session: Session, jobs: "list[Job]") -> dict[str, object]:
    """Ask before notebooks measure on AWS; the parameter by which they are told so."""
    from ...cloud.session import connect

    measuring = [job for job in jobs if not _looks_at_a_run(job) and _declares_yes(job)]
    if not measuring or any("yes" in job.values for job in measuring):
        return {}
    for job in measuring:
        place_values = {name: str(value) for name, value in job.values.items() if value}
        cloud = connect(
            profile=place_values.get("profile", session.profile),
            region=place_values.get("region", session.region),
            endpoint_url=place_values.get("endpoint", session.endpoint_url),
        )
        if cloud.kind == "aws":
            session.output.confirm(
                f"{job.notebook.name} measures in account {cloud.account_id}, {cloud.region}: it "
                "deploys the stack where there is none (its API is open to everybody unless "
                "ApiAuth is set), and pays for a run of under one US cent by default; "
                "`lambdatuning benchmark` states the exact price",
                f"let {job.notebook.name} deploy and pay?",
            )
    return {"yes": True}


def _looks_at_a_run(job: "Job") -> bool:
    return bool(job.values.get("runs"))


def _declares_yes(job: "Job") -> bool:
    return any(parameter.name == "yes" for parameter in job.parameters)


def notebook_paths(session: Session, named: tuple[str, ...]) -> list[str]:
    """Those named, also found in the project's folder of notebooks; without names all of it."""
    folder = resources.notebooks()
    if named:
        return [_notebook(folder.path, name) for name in named]
    session.output.taken("notebooks", folder)
    return sorted(str(path) for path in folder.path.glob("*.ipynb"))


def _notebook(folder: Path, name: str) -> str:
    inside = folder / Path(name).name
    return str(inside) if not ("://" in name or Path(name).exists()) and inside.exists() else name


def _settings(jobs: "list[Job]") -> dict[str, object]:
    """The project's settings that the notebooks have a parameter for."""
    settings = read_settings().given
    names = {parameter.name for job in jobs for parameter in job.parameters}
    return {
        name: settings[setting]
        for name, setting in _PARAMETERS.items()
        if name in names and setting in settings
    }


def _parameters(given: Mapping[str, tuple[str, ...]]) -> dict[str, object]:
    """Of files, then of YAML, then one by one, as in papermill: the last one counts."""
    from ...reporting.values import Typed, read_yaml

    parameters: dict[str, object] = {}
    for path in given["files"]:
        parameters |= read_yaml(_read(path), f"--parameters-file {path}")
    for text in given["texts"]:
        parameters |= read_yaml(text, "--parameters-yaml")
    for name, value in pairs("-p", given["typed"]).items():
        parameters[name] = Typed(value)
    parameters |= pairs("-r", given["raw"])
    return parameters


def _read(path: str) -> str:
    if "://" in path:
        from ...reporting.execution import read_address

        return read_address(path)
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as exc:
        raise UsageError(f"--parameters-file {Path(path).resolve()}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise UsageError(f"--parameters-file {path} is not text: {exc}") from exc
