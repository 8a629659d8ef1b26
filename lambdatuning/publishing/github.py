"""A verdict inside GitHub Actions: the job's summary, annotations, and outputs for later steps."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from secrets import token_hex

from ..analysis.verdict import BETTER, FINE, SUSPECT, UNKNOWN, WORSE, Verdict
from .markdown import interval, percent, summary, where

MAX_SUMMARY_BYTES = 1_000_000
"""GitHub takes 1 MiB a step, and nothing of a longer one."""

MAX_ANNOTATIONS = 9
"""GitHub shows ten of a level in a step; the last one says how many there are more."""

_LEVELS = {WORSE: "error", UNKNOWN: "warning", SUSPECT: "notice", BETTER: "notice", FINE: "notice"}


def write(verdict: Verdict, environment: Mapping[str, str]) -> list[str]:
    """Append to the job's summary and outputs where `environment` names them; the annotations,
    which are lines for the step's log."""
    if path := environment.get("GITHUB_STEP_SUMMARY"):
        _append(path, _fitting(summary(verdict)))
    if path := environment.get("GITHUB_OUTPUT"):
        _append(path, "".join(_output(*output) for output in outputs(verdict).items()))
    return list(annotations(verdict))


def outputs(verdict: Verdict) -> dict[str, str]:
    """What later steps may read as `steps.ID.outputs.NAME`."""
    return {
        "verdict": verdict.kind,
        "exit-code": str(verdict.exit_code),
        "headline": str(verdict),
        "function": verdict.function,
        "run-id": verdict.run_id,
        "change": percent(verdict.worse[0].change) if verdict.worse else "",
    }


def annotations(verdict: Verdict) -> Iterator[str]:
    """Workflow commands: the verdict, then each change for the worse and each not known."""
    yield _command(_LEVELS[verdict.kind], f"lambdatuning: {verdict.function}", str(verdict))
    findings = [finding for finding in verdict.findings if finding.kind in (WORSE, UNKNOWN)]
    for finding in findings[: MAX_ANNOTATIONS - 1]:
        text = finding.text or f"{where(finding)}: {interval(finding)}"
        yield _command(_LEVELS[finding.kind], f"{verdict.function}: {where(finding)}", text)
    rest = len(findings) - (MAX_ANNOTATIONS - 1)
    if rest > 0:
        yield _command("notice", "lambdatuning", f"{rest} more are in the summary")


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    r"""As workflow commands escape a message.

    >>> _data("50 %\n::stop")
    '50 %25%0A::stop'
    """
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _output(name: str, value: str) -> str:
    """Between delimiters that nobody can guess, so that a value cannot set another output."""
    end = f"end-{token_hex(16)}"
    return f"{name}<<{end}\n{value}\n{end}\n"


def _fitting(text: str) -> str:
    data = text.encode()
    if len(data) <= MAX_SUMMARY_BYTES:
        return text
    return data[:MAX_SUMMARY_BYTES].decode(errors="ignore") + "\n\nThe rest is left out.\n"


def _append(path: str, text: str) -> None:
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(text)
