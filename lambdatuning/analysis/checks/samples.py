"""Findings about samples: too few, failed, mixed up, disturbed."""

from collections.abc import Iterator

import numpy as np

from ..samples.frames import failed, warm
from ..samples.run import Run
from ..statistics.intervals import MIN_ENVIRONMENTS
from ..telling.format import format_mb, format_share, join_mb
from .check import KEYS, Check, places

MIN_SAMPLES = 5
MAX_STOLEN = 0.03
MAX_COLD = 0.2
NEARLY_FULL = 0.9


def no_answer(run: Run) -> Iterator[Check]:
    """Nothing that statistics could be made of."""
    if warm(run.samples).empty:
        yield Check(
            "error",
            "no warm samples",
            "no invocation succeeded on a warm environment",
            "look at the failures, then measure again with more invocations",
        )


def failures(run: Run) -> Iterator[Check]:
    """Invocations that failed: by error type, where."""
    bad = run.samples[failed(run.samples)]
    for error, rows in bad.groupby("error", observed=True):
        yield Check(
            "warning",
            "failed invocations",
            f"{len(rows)} invocations ended in {error}: {places(rows)}",
            "they are counted and left out of every mean; look into the function's log",
        )


def few_samples(run: Run) -> Iterator[Check]:
    """Cells with fewer warm samples than `MIN_SAMPLES`; an adaptive run wants no more."""
    if run.adaptive:
        return
    counts = warm(run.samples).groupby(KEYS, observed=True).size()
    few = counts[counts < MIN_SAMPLES]
    if len(few):
        yield Check(
            "warning",
            "too few samples",
            f"{len(few)} of {len(counts)} combinations of payload type and size have fewer than "
            f"{MIN_SAMPLES} warm samples ({places(few.reset_index())})",
            "measure with a larger num",
        )


def few_environments(run: Run) -> Iterator[Check]:
    """Sizes at which no interval can be given; an adaptive run has the model's instead."""
    if run.adaptive:
        return
    counts = warm(run.samples).groupby("memory_mb")["environment"].nunique()
    few = counts[counts < MIN_ENVIRONMENTS]
    if len(few):
        yield Check(
            "warning",
            "too few execution environments",
            f"fewer than {MIN_ENVIRONMENTS} environments served {join_mb(sorted(few.index))}, so "
            "that one slow host would decide; no interval is shown",
            f"measure with at least {MIN_ENVIRONMENTS}, better 5, environments",
        )


def cold_starts(run: Run) -> Iterator[Check]:
    """Cold starts among the warm samples, or so many that few warm ones are left."""
    good = run.samples[~failed(run.samples)]
    mixed = good[~good["cold"] & (good["init_ms"].notna() | good["restore_ms"].notna())]
    if len(mixed):
        yield Check(
            "error",
            "cold starts among warm samples",
            f"{len(mixed)} samples have an init or restore duration but are not marked cold",
            "measure again; do not use these means",
        )
    share = float(good["cold"].mean()) if len(good) else 0.0
    if share > MAX_COLD:
        yield Check(
            "note",
            "many cold starts",
            f"{format_share(share)} of the invocations were cold starts; they are shown apart",
            "measure with a larger num, or in fewer environments, for more warm samples",
        )


def memory_full(run: Run) -> Iterator[Check]:
    """Sizes whose memory the function nearly exhausts."""
    samples = run.samples
    full = samples[samples["max_memory_mb"] >= NEARLY_FULL * samples["memory_mb"]]
    full = full[~failed(full)]
    if len(full):
        yield Check(
            "warning",
            "memory nearly exhausted",
            f"more than {format_share(NEARLY_FULL)} of the memory was used: {places(full)}",
            "choose a larger size for these, or expect Runtime.OutOfMemory with larger input",
        )


def stolen_cpu(run: Run) -> Iterator[Check]:
    """CPU time that other load on the host took (known on the embedded AWS only)."""
    known = run.samples.dropna(subset=["stolen_ms"])
    total = float(known["duration_ms"].sum())
    share = float(known["stolen_ms"].sum()) / total if total else 0.0
    if share > MAX_STOLEN:
        yield Check(
            "warning",
            "stolen CPU",
            f"other load on this machine took {format_share(share)} of the running time",
            "stop the other load and measure again",
        )


def beyond_cores(run: Run) -> Iterator[Check]:
    """Sizes with more vCPUs than the host of the embedded AWS has cores (see `core.host`)."""
    if run.host and run.beyond_mb:
        yield Check(
            "warning",
            "sizes beyond this machine's cores",
            f"{join_mb(run.beyond_mb)} stand for more than the {run.host.told} of this machine, "
            f"so that they ran as {run.host.told} do",
            f"trust sizes up to {format_mb(run.host.largest_mb)} only, or measure on AWS",
        )


def drifting(run: Run) -> Iterator[Check]:
    """Durations that rise or fall with time inside environments, beyond chance, in all cells."""
    good = warm(run.samples).sort_values("started_at")
    log_ms = np.log(good["duration_ms"].clip(lower=1e-3))
    grouped = good.assign(log_ms=log_ms).groupby([*KEYS, "environment"], observed=True)
    order = grouped.cumcount() - (grouped["log_ms"].transform("size") - 1) / 2
    deviation = (log_ms - grouped["log_ms"].transform("mean")).rank()
    free = len(good) - grouped.ngroups
    if free < MIN_SAMPLES or order.std() == 0 or deviation.std() == 0:
        return
    correlation = float(np.corrcoef(order, deviation)[0, 1])
    if abs(correlation) > max(0.2, 4 / np.sqrt(free)):
        yield _rising(correlation) if correlation > 0 else _settling(correlation)


def _rising(correlation: float) -> Check:
    return Check(
        "warning",
        "drift",
        f"durations rose during the run (rank correlation with time {correlation:+.2f})",
        "measure again when the machine and its neighbours are quiet",
    )


def _settling(correlation: float) -> Check:
    """Young environments import, connect and compile what they need for the first time."""
    return Check(
        "note",
        "environments settling",
        "an environment's first invocations took longer than its later ones "
        f"(rank correlation with time {correlation:+.2f})",
        "usual for young environments; a larger num brings the means nearer to those of old ones",
    )


def throttled(run: Run) -> Iterator[Check]:
    """Invocations that Lambda refused at first."""
    retried = run.samples[run.samples["retries"] > 0]
    if len(retried):
        yield Check(
            "note",
            "throttled invocations",
            f"{len(retried)} invocations were repeated after throttling "
            f"({int(retried['retries'].sum())} retries in all)",
            "durations are not affected; raise the concurrency limit for faster runs",
        )
