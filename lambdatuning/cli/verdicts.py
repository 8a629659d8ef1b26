"""The options by which `compare`, `history` and a night write their verdict for machines."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
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


def verdict_options(command: F) -> F:
    """Adds the options; take them out of a command's options with `verdict_outputs`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class VerdictOutputs:
    """Where a verdict is written for machines: files by name, "" for none; `exports` are files by
    format."""

    junit: str = ""
    github: bool = False
    comment: str = ""
    badge: str = ""
    exports: Mapping[str, str] = field(default_factory=dict)


NAMES = tuple(output.name for output in fields(VerdictOutputs))
"""The parameters that `verdict_options` adds."""


def verdict_outputs(options: dict[str, Any]) -> VerdictOutputs:
    """The values of these options, which `options` does not have any more.

    UsageError for a format that is not known, before anything is measured.
    """
    values = {name: options.pop(name) for name in NAMES}
    exports = pairs("--export", values["exports"], "FORMAT")
    if exports:
        from ..publishing.exports import check_format

        for form in exports:
            check_format(form)
    return VerdictOutputs(**values | {"exports": exports})


def publish(
    verdict: "Verdict", outputs: VerdictOutputs, runs: "Callable[[], Sequence[Run]]"
) -> None:
    """Write what was asked for; `runs` gives those to export, oldest first."""
    for path, text in _files(verdict, outputs, runs).items():
        _write(Path(path), text)
    if outputs.github:
        from ..publishing import github

        # The runner reads the commands of both streams; stdout holds data alone.
        for line in github.write(verdict, os.environ):
            say(line)


def _files(
    verdict: "Verdict", outputs: VerdictOutputs, runs: "Callable[[], Sequence[Run]]"
) -> dict[str, str]:
    files: dict[str, str] = {}
    if outputs.junit:
        from ..publishing.junit import junit

        files[outputs.junit] = junit(verdict)
    if outputs.comment:
        from ..publishing.markdown import comment

        files[outputs.comment] = comment(verdict)
    if outputs.badge:
        from ..publishing.badge import badge

        files[outputs.badge] = badge(verdict)
    if outputs.exports:
        from ..publishing.exports import export

        measured = runs()
        for form, file in outputs.exports.items():
            files |= export(measured, form, file)
    return files


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise UsageError(f"{path} cannot be written: {exc.strerror}; name another file") from exc
