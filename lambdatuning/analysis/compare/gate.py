"""Whether one run is worse than another: the gate of a pipeline, which fails closed.

Worse is what is confirmed: a change for the worse beyond what runs of the same code differ and
beyond what is allowed, or significantly more failures. Of what could be worse and cannot be judged
(no interval, one so wide that next to nothing could have been found, another machine, no common
successful invocation) it says that it cannot tell; so it does of a rise that the samples of both
runs confirm, but that runs of the same code may differ by, while too few of them told.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ...core.format import first_few, format_part, format_span, join, join_mb
from ...core.wire import finite
from ..frames import failed
from ..run import Run, of_means
from ..verdict import (
    BETTER,
    FINE,
    UNKNOWN,
    WORSE,
    ChangeFinding,
    Verdict,
    gravest,
)
from .noise import ENOUGH_RUNS, Difference
from .pair import MACHINES, MEASURES, Pair, unjudged_sizes
from .text import AS_RUNS, difference

MAX_REGRESSION = 0.05
"""A worse change is no regression up to here: seldom does so little move the best size, and it is
what an hour, a neighbour or another host may do to a function that nobody touched."""

COARSE, COARSE_TYPE = 0.5, 1.0
"""Where only changes of so much could have been found (of the mix, of one payload type), finding
none says nothing."""

FAILURES = "failures"
_FAILURES_P, _FAILURES_RISE = 0.001, 0.02
"""More failures are a regression where chance does so at most this often, and the share rose by
more than so much."""

_FEW = 3
"""Changes named in the line; the findings have all."""


class Shift(NamedTuple):
    """How the "duration" or "cost" of one payload type changed."""

    payload: str
    measure: str
    change: Difference

    def __str__(self) -> str:
        return f"{self.payload} is {difference(self.measure, self.change)}"


def judge(
    pairs: Sequence[Pair], alone: Sequence[Run], max_change: float = MAX_REGRESSION
) -> Verdict:
    """The verdict on the pairs; on one run alone, that it cannot be told."""
    if not pairs:
        names = join(dict.fromkeys(run.function for run in alone))
        lacking = f"only {join(run.run_id for run in alone)} is there of {names}; measure again"
        return _verdict(UNKNOWN, f"cannot tell: {lacking}", (), alone, (), max_change)
    findings = gravest([finding for pair in pairs for finding in _findings(pair, max_change)])
    before, after = [pairs[0].before], [pair.after for pair in pairs]
    kind, reason = _decided(findings, pairs, max_change)
    return _verdict(kind, reason, findings, after, before, max_change)


def regressions(pairs: Iterable[Pair], max_change: float = MAX_REGRESSION) -> list[Shift]:
    """What got worse by more than runs of the same code differ and than `max_change` (0.05 is
    5 %), the worst first."""
    return _worst(
        shift for pair in pairs for shift in _shifts(pair) if shift.change.worse(max_change)
    )


def _decided(
    findings: Sequence[ChangeFinding], pairs: Sequence[Pair], max_change: float
) -> tuple[str, str]:
    of_kind = {
        kind: [finding.text for finding in findings if finding.kind == kind]
        for kind in (WORSE, UNKNOWN, BETTER)
    }
    if of_kind[WORSE] and not any(map(_incomparable, pairs)):
        return WORSE, f"regression: {first_few(of_kind[WORSE])}"
    if of_kind[UNKNOWN]:
        return UNKNOWN, f"cannot tell: {_doubted(of_kind[UNKNOWN])}{_untaught(findings)}"
    allowed = format_part(max_change)
    for shift in regressions(pairs, 0.0):
        return FINE, f"no regression: {shift}, and up to {allowed} is allowed"
    beyond = f" by more than {allowed}" if max_change else ""
    quiet = f"no regression: nothing got significantly slower or more expensive{beyond}"
    return (BETTER if of_kind[BETTER] else FINE), quiet


def _untaught(findings: Iterable[ChangeFinding]) -> str:
    """What would tell whether rises are more than runs of the same code may differ by, and what is
    found without; "" where no finding is such a rise."""
    rises = [
        finding
        for finding in findings
        if finding.kind == UNKNOWN and finding.text.endswith(AS_RUNS)
    ]
    if not rises:
        return ""
    least = max(finding.smallest or 0.0 for finding in rises)
    return (
        f"; {ENOUGH_RUNS} runs of the code before would tell how much they do "
        f'(--history "latest 10"), without which only rises of {format_part(least)} or more are '
        "found four times in five"
    )


def _doubted(texts: Sequence[str]) -> str:
    """What cannot be told; where it is of all that runs may differ by so much, this once."""
    ending = f", {AS_RUNS}"
    if all(text.endswith(ending) for text in texts):
        rises = [text.removesuffix(ending) for text in texts]
        return f"{first_few(rises)}{':' if len(rises) > 1 else ','} {AS_RUNS}"
    return first_few(texts)


def _findings(pair: Pair, max_change: float) -> Iterator[ChangeFinding]:
    if reason := _incomparable(pair):
        yield ChangeFinding(kind=UNKNOWN, measure="duration", text=reason)
    yield from _unmeasured(pair)
    yield from _failures(pair)
    for shift in _shifts(pair):
        kind, text = _kind(shift, pair, max_change)
        if kind:
            yield _finding(shift, kind, text, pair)


def _kind(shift: Shift, pair: Pair, max_change: float) -> tuple[str, str]:
    """Of what kind a change is, and how it is said; "" for none."""
    change = shift.change
    if change.has_interval and change.worse(max_change):
        return WORSE, str(shift)
    if change.high < 0 and change.value < -max_change:
        return BETTER, str(shift)
    if change.has_interval and not change.real and (text := _doubt(shift, pair, max_change)):
        return UNKNOWN, text
    return "", ""


def _doubt(shift: Shift, pair: Pair, max_change: float) -> str:
    """Why that a change is not significant says nothing; "" where it does."""
    change, main = shift.change, shift.payload == pair.main
    span = format_span(change.low, change.high)
    if change.least > (COARSE if main else COARSE_TYPE):
        return (
            f"{shift.measure} of {shift.payload} could have changed by {span}: only a change of "
            f"{format_part(change.least)} would have been found; measure both "
            "in more execution environments (--environments)"
        )
    if change.of_runs and change.few_runs and change.value > max_change:
        return f"{shift}, {AS_RUNS}"
    if main and change.value > max_change and not change.of_runs:
        return (
            f"{shift.payload} is {difference(shift.measure, change)} ({span}), which may be "
            "chance; measure again"
        )
    return ""


def _incomparable(pair: Pair) -> str:
    """Why no difference of the two runs is one of the function; "" where it may be."""
    for finding in pair.findings:
        if finding.name == MACHINES:
            return f"{finding.cause}: {finding.next_step}"
    return ""


def _unmeasured(pair: Pair) -> Iterator[ChangeFinding]:
    """What has no interval, or was left out of one and looks much worse."""
    unknown = list(
        dict.fromkeys(shift.payload for shift in _shifts(pair) if not shift.change.has_interval)
    )
    if unknown:
        more = f" and {len(unknown) - _FEW} more" if len(unknown) > _FEW else ""
        means = of_means(pair.before) or of_means(pair.after)
        step = (
            "measure both, since a published curve has means alone"
            if means
            else "measure both with at least 3 execution environments per size (--for-compare)"
        )
        yield ChangeFinding(
            kind=UNKNOWN,
            measure="duration",
            text=f"{join(unknown[:_FEW])}{more} without an interval, so any difference may be "
            f"chance; {step}",
        )
    lost = [name for name in pair.before.payloads if name not in set(pair.after.payloads)]
    if lost and set(pair.before.payloads) & set(pair.after.payloads):
        yield ChangeFinding(
            kind=UNKNOWN,
            measure="duration",
            text=f"{join(lost[:_FEW])} was not measured again; name the payload types of both",
        )
    for payload, sizes in unjudged_sizes(pair, COARSE_TYPE).items():
        yield ChangeFinding(
            kind=UNKNOWN,
            measure="duration",
            payload=payload,
            text=f"{payload} took more than twice as long at {join_mb(sizes)}, where too few "
            "execution environments were measured for an interval; measure those again",
        )


def _failures(pair: Pair) -> Iterator[ChangeFinding]:
    """Payload types of which significantly more invocations failed, over all sizes of both."""
    sizes = set(pair.before.sizes) & set(pair.after.sizes)
    counts = [_failed_of(run, sizes) for run in (pair.before, pair.after)]
    common = [payload for payload in counts[0] if payload in counts[1]]
    for payload in common:
        (old, n), (new, m) = (count[payload] for count in counts)
        rise = new / m - old / n
        chance = _tail(new, m, old, n) * len(common)
        if rise > _FAILURES_RISE and chance < _FAILURES_P:
            yield ChangeFinding(
                kind=WORSE,
                measure=FAILURES,
                payload=payload,
                change=rise,
                text=f"{payload} failed {new:,} of {m:,} times ({old:,} of {n:,} before)",
            )


def _failed_of(run: Run, sizes: set[int]) -> Mapping[str, tuple[int, int]]:
    samples = run.samples[run.samples["memory_mb"].isin(sizes)]
    grouped = failed(samples).groupby(samples["payload"].astype(str))
    counts = zip(grouped.sum().items(), grouped.size(), strict=True)
    return {str(name): (int(count), int(total)) for (name, count), total in counts}


def _tail(new: int, m: int, old: int, n: int) -> float:
    """How often chance puts so many of all failures into the run after (Fisher's exact test)."""
    both, total = new + old, math.comb(m + n, new + old)
    return sum(math.comb(m, k) * math.comb(n, both - k) for k in range(new, min(m, both) + 1)) / (
        total
    )


def _finding(shift: Shift, kind: str, text: str, pair: Pair) -> ChangeFinding:
    change = shift.change
    return ChangeFinding(
        kind=kind,
        measure=shift.measure,
        payload=shift.payload,
        change=finite(change.value),
        low=finite(change.low),
        high=finite(change.high),
        smallest=finite(change.least),
        since=pair.after.run_id,
        earliest=pair.before.run_id,
        latest=pair.after.run_id,
        cause=_cause(pair),
        text=text,
    )


def _cause(pair: Pair) -> str:
    old, new = (run.manifest.code_sha256 for run in (pair.before, pair.after))
    if not old or not new:
        return ""
    return "the code changed" if old != new else "the code did not change"


def _verdict(
    kind: str,
    reason: str,
    findings: Iterable[ChangeFinding],
    judged: Sequence[Run],
    baseline: Sequence[Run],
    max_change: float,
) -> Verdict:
    newest = judged[-1] if judged else None
    manifest = newest.manifest if newest else None
    return Verdict(
        source="compare",
        function=newest.function if newest else "",
        kind=kind,
        reason=reason,
        findings=tuple(finding for finding in findings if finding.text),
        run_id=newest.run_id if newest else "",
        baseline=tuple(run.run_id for run in baseline),
        architecture=manifest.architecture if manifest else "",
        region=manifest.region if manifest else "",
        started_at=manifest.started_at if manifest else "",
        commit=manifest.code.commit if manifest else "",
        max_regression=max_change,
    )


def _shifts(pair: Pair) -> Iterator[Shift]:
    for payload in pair.overall["payload"]:
        for measure in MEASURES:
            yield Shift(payload, measure, pair.change(payload, measure))


def _worst(regressions: Iterable[Shift]) -> list[Shift]:
    return sorted(regressions, key=lambda shift: -shift.change.value)
