"""A verdict as Markdown: a job's summary, and a comment that is found again and edited in place."""

import re

from ..analysis.answer.as_markdown import plain
from ..analysis.verdict import BETTER, FINE, SUSPECT, UNKNOWN, WORSE, ChangeFinding, Verdict
from ..core.format import format_mb

TITLES = {
    FINE: "no change",
    BETTER: "better",
    WORSE: "worse",
    SUSPECT: "suspect",
    UNKNOWN: "cannot tell",
}
"""A kind in words."""

_SIGNS = {FINE: "✅", BETTER: "✅", WORSE: "❌", SUSPECT: "❔", UNKNOWN: "❔"}
MAX_ROWS = 200
"""Rows of a table; what is left out is said. A summary may have 1 MiB, a comment 65,536
characters (docs.github.com: "Step isolation and limits", and its API's error message)."""

_RUNS = 5


def summary(verdict: Verdict) -> str:
    """A heading, the reason, what changed as a table, and what was compared."""
    title = f"## {_SIGNS[verdict.kind]} {plain(verdict.function)}: {TITLES[verdict.kind]}"
    parts = [title, plain(str(verdict)), _table(verdict.findings), _facts(verdict)]
    return "\n\n".join(part for part in parts if part) + "\n"


def marker(function: str) -> str:
    """The hidden line by which the comment of a function is found again.

    >>> marker("my-function --> @x")
    '<!-- lambdatuning verdict: my-function-x -->'
    """
    name = re.sub(r"-{2,}", "-", re.sub(r"[^\w.:-]+", "-", function))
    return f"<!-- lambdatuning verdict: {name} -->"


def comment(verdict: Verdict) -> str:
    """The summary below its marker: who posts it edits the comment with that marker, if any."""
    return f"{marker(verdict.function)}\n{summary(verdict)}"


def percent(share: float | None) -> str:
    """A change with its sign.

    >>> percent(0.1234), percent(-0.02), percent(None)
    ('+12.3 %', '-2.0 %', '')
    """
    return "" if share is None else f"{share * 100:+.1f} %"


def interval(finding: ChangeFinding) -> str:
    """A change with its 95 % interval, as far as both are known."""
    if finding.low is None or finding.high is None:
        return percent(finding.change)
    return f"{percent(finding.change)} ({percent(finding.low)} to {percent(finding.high)})"


def where(finding: ChangeFinding) -> str:
    """What a finding is about.

    >>> where(ChangeFinding(kind="worse", measure="duration", payload="ping", memory_mb=512))
    'duration, ping, 512 MB'
    """
    size = "" if finding.memory_mb is None else format_mb(finding.memory_mb)
    return ", ".join(filter(None, (finding.measure, finding.payload, size)))


def _table(findings: tuple[ChangeFinding, ...]) -> str:
    if not findings:
        return ""
    head = ["| what | change (95 % interval) | since | why |", "|---|---|---|---|"]
    rows = [
        f"| {TITLES[finding.kind]}: {plain(where(finding))} | {interval(finding)} | "
        f"{plain(finding.since)} | {plain(_why(finding))} |"
        for finding in findings[:MAX_ROWS]
    ]
    rest = len(findings) - len(rows)
    return "\n".join([*head, *rows]) + (f"\n\n{rest} more are not shown." if rest else "")


def _why(finding: ChangeFinding) -> str:
    """The cause of a change; of what cannot be told, why not."""
    return finding.text if finding.kind == UNKNOWN else finding.cause or finding.text


def _facts(verdict: Verdict) -> str:
    facts = {
        "run": verdict.run_id,
        "compared with": _newest(verdict.baseline),
        "commit": verdict.commit[:12],
        "region": verdict.region,
        "architecture": verdict.architecture,
    }
    parts = [f"{name} {plain(value)}" for name, value in facts.items() if value]
    if link := _link(verdict.url):
        parts.append(f"[report]({link})")
    return "; ".join(parts)


def _newest(runs: tuple[str, ...]) -> str:
    """The last five, and how many more there are."""
    newest = ", ".join(runs[-_RUNS:])
    return f"{newest} and {len(runs) - _RUNS} before" if len(runs) > _RUNS else newest


def _link(url: str) -> str:
    """An address inside of a Markdown link, of the kinds that are links at all."""
    safe = re.sub(r"[\s()<>\[\]\\]", lambda match: f"%{ord(match[0]):02X}", url)
    return safe if safe.startswith(("https://", "http://")) else ""
