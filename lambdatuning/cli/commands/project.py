"""`lambdatuning init` and `config`: a project of one's own, and its settings."""

import shlex
from pathlib import Path
from typing import Any

import click

from ..options import place
from ..output import Output

_json_option = click.option("--json", "as_json", is_flag=True, help="Print data only, as JSON.")


@click.command()
@click.argument("folder", default=".", callback=place)
@_json_option
def init(folder: str, as_json: bool) -> None:
    """Write a project into FOLDER (default: here).

    It has notebooks, payload types, policies, settings and a workflow of CI.

    Nothing is overwritten.
    """
    from ...schedules.printed import render
    from ...schedules.schedule import Schedule
    from ...workspace.project import create

    there = Path(folder).resolve()
    names = [str(path) for path in create(Path(folder), render("github", Schedule()))]
    lines = [
        f"wrote {len(names)} files into {there}:",
        *(f"  {name}" for name in names),
    ]
    enter = "" if there == Path.cwd() else f"cd {shlex.quote(folder)} && "
    lines.append(f"next: {enter}lambdatuning report --local")
    Output(as_json).show(names, "\n".join(lines))


@click.command()
@_json_option
def config(as_json: bool) -> None:
    """Show every setting of the project, and which file or variable says so."""
    from ...workspace.settings import SETTINGS, read_settings

    settings = read_settings()
    data = {
        name: {"value": setting.value, "origin": setting.origin}
        for name, setting in settings.values.items()
    }
    width = max(len(name) for name in data)
    lines = [f"{'folder':<{width}}  {settings.folder}"]
    for setting in SETTINGS:
        set_to = settings.values[setting.name]
        lines.append(f"{setting.name:<{width}}  {_text(set_to.value)}  ({set_to.origin})")
    Output(as_json).show({"folder": str(settings.folder), "settings": data}, "\n".join(lines))


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={text}" for key, text in value.items()) or "-"
    return (
        "-" if value in ("", None) else f"{value:,.10g}" if isinstance(value, float) else str(value)
    )
