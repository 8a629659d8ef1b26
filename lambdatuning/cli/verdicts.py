"""The options by which `compare`, `history` and a night write their verdict for machines."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..core.errors import UsageError
from .options import pairs
from .output import say

if TYPE_CHECKING:
    from ..analysis.run import Run
    from ..analysis.verdict import Verdict

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--junit", default="", metavar="FILE", help="Write the verdict as JUnit XML."),
    click.option(
        "--github",
        is_flag=True,
        help="In GitHub Actions: job summary, annotations, and outputs of the step.",
    ),
    click.option(
        "--comment",
        default="",
        metavar="FILE",
        help="Write the verdict as Markdown, with a hidden marker to edit one comment by.",
    ),
    click.option("--badge", default="", metavar="FILE", help="Write the verdict as an SVG badge."),
    click.option(
        "--export",
        "exports",
        multiple=True,
        metavar="FORMAT=FILE",
        help="Write the runs for another tool: otava, github-action-benchmark or bencher "
        "(repeatable).",
    ),
)
NAMES = ("junit", "github", "comment", "badge", "exports")
"""The parameters that `verdict_options` adds."""


def verdict_options(command: F) -> F:
    """Adds the options; take them out of a command's options with `taken`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def taken(options: dict[str, Any]) -> dict[str, Any]:
    """The values of these options, which `options` does not have any more.

    UsageError for a format that is not known, before anything is measured.
    """
    outputs = {name: options.pop(name) for name in NAMES}
    outputs["exports"] = pairs("--export", outputs["exports"], "FORMAT")
    if outputs["exports"]:
        from ..publishing.exports import check_format

        for form in outputs["exports"]:
            check_format(form)
    return outputs


def publish(
    verdict: "Verdict", options: Mapping[str, Any], runs: "Callable[[], Sequence[Run]]"
) -> None:
    """Write what was asked for; `runs` gives those to export, oldest first."""
    for path, text in _files(verdict, options, runs).items():
        _write(Path(path), text)
    if options["github"]:
        from ..publishing import github

        # The runner reads the commands of both streams; stdout holds data alone.
        for line in github.write(verdict, os.environ):
            say(line)


def _files(
    verdict: "Verdict", options: Mapping[str, Any], runs: "Callable[[], Sequence[Run]]"
) -> dict[str, str]:
    files: dict[str, str] = {}
    if options["junit"]:
        from ..publishing.junit import junit

        files[options["junit"]] = junit(verdict)
    if options["comment"]:
        from ..publishing.markdown import comment

        files[options["comment"]] = comment(verdict)
    if options["badge"]:
        from ..publishing.badge import badge

        files[options["badge"]] = badge(verdict)
    if options["exports"]:
        from ..publishing.exports import export

        measured = runs()
        for form, file in options["exports"].items():
            files |= export(measured, form, file)
    return files


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise UsageError(f"{path} cannot be written: {exc.strerror}; name another file") from exc
