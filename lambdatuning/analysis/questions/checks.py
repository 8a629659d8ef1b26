"""Checks: what may mislead in a run, each finding with its cause and what to do about it."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame, Series

from ...core.exploration.proposal import UNSURE
from ...core.finding import Finding, gravest_first
from ...core.format import format_mb, format_ms, format_part, format_times, join, join_mb
from ...core.sizes import MAX_MB, MIN_MB
from ...core.statistics.means import CONFIDENCE
from ...core.tuning.manifest import LogsRead, Manifest
from ..answer.answer import common_sizes
from ..answer.recommendation import recommendations
from ..curves import MIX
from ..data import StudyData
from ..frames import failed, warm
from ..intervals import MIN_ENVIRONMENTS, Floats, quantile_limits
from ..run import Run, parts
from .adaptive import ENDS

KEYS = ["payload", "memory_mb"]
_SHOWN = 3


def places(rows: DataFrame) -> str:
    """Where: "list at 128 MB, cpu at 128 and 256 MB", cut after a few."""
    sizes = rows.groupby("payload", observed=True)["memory_mb"].unique()
    named = [f"{name} at {join_mb(sorted(map(int, sizes_mb)))}" for name, sizes_mb in sizes.items()]
    more = len(named) - _SHOWN
    return ", ".join(named[:_SHOWN]) + (f" and {more} more payload types" if more > 0 else "")


# Findings about samples: too few, failed, mixed up, disturbed.


MIN_SAMPLES = 5
MAX_STOLEN = 0.03
MAX_COLD = 0.2
NEARLY_FULL = 0.9
_PRECISION = 0.1
"""How well a mean is to be known that hangs on rare slow calls."""


def no_answer(data: StudyData) -> Iterator[Finding]:
    """Nothing that statistics could be made of, or cold starts alone."""
    if data.cold_only:
        yield Finding(
            "warning",
            "cold starts only",
            "no invocation was served by a warm environment; all figures are those of cold starts",
            "measure warm invocations too, unless every caller meets a cold start",
        )
    elif data.measured.empty:
        yield Finding(
            "error",
            "no successful invocation",
            "every invocation failed",
            "look at the failures, then measure again",
        )


def failures(data: StudyData) -> Iterator[Finding]:
    """Invocations that failed: by error type, where, and the first message."""
    bad = data.run.samples[failed(data.run.samples)]
    for error, rows in bad.groupby("error", observed=True):
        messages = rows["message"][rows["message"].ne("")]
        first = f'; the first said "{messages.iloc[0]}"' if len(messages) else ""
        yield Finding(
            "warning",
            "failed invocations",
            f"{len(rows)} invocations ended in {error} ({places(rows)}){first}",
            "they are counted and left out of every mean; look into the function's log",
        )


def few_samples(data: StudyData) -> Iterator[Finding]:
    """Cells with fewer samples than `MIN_SAMPLES`; an adaptive run needs no more."""
    run = data.run
    if run.adaptive:
        return
    counts = data.measured.groupby(KEYS, observed=True).size()
    few = counts[counts < MIN_SAMPLES]
    if len(few):
        yield Finding(
            "warning",
            "too few samples",
            f"{len(few)} of {len(counts)} combinations of payload type and size have fewer than "
            f"{MIN_SAMPLES} warm samples ({places(few.reset_index())})",
            "measure with a larger num",
        )


def few_environments(data: StudyData) -> Iterator[Finding]:
    """Sizes at which no interval can be given; an adaptive run has the model's instead."""
    run = data.run
    if run.adaptive:
        return
    identified = data.measured[data.measured["environment"].ne("")]
    counts = identified.groupby("memory_mb")["environment"].nunique()
    few = counts[counts < MIN_ENVIRONMENTS]
    if len(few):
        yield Finding(
            "warning",
            "too few execution environments",
            f"fewer than {MIN_ENVIRONMENTS} environments served {join_mb(sorted(few.index))}: "
            "one slow host would decide; no interval is shown",
            f"measure with at least {MIN_ENVIRONMENTS}, better 5, environments",
        )


def unknown_environments(data: StudyData) -> Iterator[Finding]:
    """Invocations of which no log said where they ran; what they tell is no better for it."""
    unknown = data.measured[data.measured["environment"].eq("")]
    if len(unknown):
        yield Finding(
            "warning",
            "execution environments not known",
            f"of {len(unknown)} of {len(data.measured)} warm invocations it is not known which "
            f"environment served them ({places(unknown)}): how much hosts differ cannot be told",
            "see what the run recorded of its logs, fix that, and measure again",
        )


def rare_slow_calls(data: StudyData) -> Iterator[Finding]:
    """Cells whose mean hangs on few slow calls: what is known instead is the typical duration."""
    if data.run.adaptive:
        return
    wide = [
        (cell.mean_errors[0], key, cell)
        for key, cell in data.cells.items()
        if cell.mean_errors and cell.mean_errors[0].hangs_on_rare_calls
    ]
    if not wide:
        return
    error, (_, _, payload, size), worst = max(wide, key=lambda cell: cell[0].log_errors()[1])
    low, high = quantile_limits(worst.groups, [0.5], CONFIDENCE)
    typical = "" if np.isnan(low) else f" (median {format_ms(low)} to {format_ms(high)})"
    yield Finding(
        "warning",
        "rare slow invocations",
        f"the mean of {payload} at {format_mb(size)} may be as much as "
        f"{format_ms(error.limits()[1])} instead of the {format_ms(error.mean)} measured, as too "
        f"few slow invocations were seen to know it; so it is in {len(wide)} of {len(data.cells)} "
        f"combinations of payload type and size. Known is the typical duration{typical}",
        f"about {error.calls_for(_PRECISION):,} invocations a size would tell the mean within "
        f"{format_part(_PRECISION)}",
    )


def cold_starts(data: StudyData) -> Iterator[Finding]:
    """Cold starts among the warm samples, or so many that few warm ones are left."""
    run = data.run
    good = run.samples[~failed(run.samples)]
    mixed = good[~good["cold"] & (good["init_ms"].notna() | good["restore_ms"].notna())]
    if len(mixed):
        yield Finding(
            "error",
            "cold starts among warm samples",
            f"{len(mixed)} samples have an init or restore duration but are not marked cold",
            "measure again; do not use these means",
        )
    share = float(good["cold"].mean()) if len(good) else 0.0
    if share > MAX_COLD and not data.cold_only:
        yield Finding(
            "note",
            "many cold starts",
            f"{format_part(share)} of the invocations were cold starts; they are shown apart",
            "measure with a larger num, or in fewer environments, for more warm samples",
        )


def memory_full(data: StudyData) -> Iterator[Finding]:
    """Sizes whose memory the function nearly exhausts."""
    run = data.run
    samples = run.samples
    full = samples[samples["max_memory_mb"] >= NEARLY_FULL * samples["memory_mb"]]
    full = full[~failed(full)]
    if len(full):
        yield Finding(
            "warning",
            "memory nearly exhausted",
            f"more than {format_part(NEARLY_FULL)} of the memory was used: {places(full)}",
            "choose a larger size for these, or expect Runtime.OutOfMemory with larger input",
        )


def stolen_cpu(data: StudyData) -> Iterator[Finding]:
    """CPU time that other load on the host took (known on the embedded AWS only)."""
    run = data.run
    present = run.samples.dropna(subset=["stolen_ms"])
    total = float(present["duration_ms"].sum())
    share = float(present["stolen_ms"].sum()) / total if total else 0.0
    if share > MAX_STOLEN:
        yield Finding(
            "warning",
            "stolen CPU",
            f"other load on this machine took {format_part(share)} of the running time",
            "stop the other load and measure again",
        )


def beyond_cores(data: StudyData) -> Iterator[Finding]:
    """Sizes with more vCPUs than the host of the embedded AWS has cores (see `core.sizes.Host`)."""
    run = data.run
    if run.host and run.beyond_mb:
        yield Finding(
            "warning",
            "sizes beyond this machine's cores",
            f"{join_mb(run.beyond_mb)} stand for more than the {run.host} of this machine, "
            f"so that they ran as {run.host} do",
            f"trust sizes up to {format_mb(run.host.largest_mb)} only, or measure on AWS",
        )


def drifting(data: StudyData) -> Iterator[Finding]:
    """Durations that rise or fall with time inside environments, beyond chance, in all cells."""
    run = data.run
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


def _rising(correlation: float) -> Finding:
    return Finding(
        "warning",
        "drift",
        f"durations rose during the run (rank correlation with time {correlation:+.2f})",
        "measure again when the machine and its neighbours are quiet",
    )


def _settling(correlation: float) -> Finding:
    """Young environments import, connect and compile what they need for the first time."""
    return Finding(
        "note",
        "environments settling",
        "an environment's first invocations took longer than its later ones "
        f"(rank correlation with time {correlation:+.2f})",
        "usual for young environments; a larger num brings the means nearer to those of older ones",
    )


def throttled(data: StudyData) -> Iterator[Finding]:
    """Invocations that Lambda refused at first."""
    run = data.run
    retried = run.samples[run.samples["retries"] > 0]
    if len(retried):
        yield Finding(
            "note",
            "throttled invocations",
            f"{len(retried)} invocations were repeated after throttling "
            f"({int(retried['retries'].sum())} retries in all)",
            "durations are not affected; raise the concurrency limit for faster runs",
        )


# A finding about the shape of durations: two kinds of invocations in one cell.


MIN_VALUES = 30
"""With fewer, two modes and one cannot be told apart."""

_MIN_PART = 0.15


def modes(values: Floats) -> tuple[float, float] | None:
    """The share of the higher mode and the distance of the means; None where there is one mode.

    Values are split in two where that leaves least variance. Two modes are claimed where they are
    so far apart as one-sided skew, a flat top or heavy tails make them once in a thousand samples
    (Ashman's D above 3.8 + 85 / n, found by simulation), and each has 15 % of the values.
    Source: K. M. Ashman, C. M. Bird, S. E. Zepf, Detecting Bimodality in Astronomical Datasets,
    Astronomical Journal 108 (1994).
    """
    n = len(values)
    if n < MIN_VALUES:
        return None
    ordered = np.sort(values)
    cuts = np.arange(int(np.ceil(_MIN_PART * n)), n - int(np.ceil(_MIN_PART * n)) + 1)
    counts = np.array([cuts, n - cuts], float)
    sums, squares = (_parts(column, cuts) for column in (ordered, ordered**2))
    means = sums / counts
    squares_within = squares - sums * means
    best = int(squares_within.sum(axis=0).argmin())
    variances = np.maximum(squares_within[:, best] / counts[:, best], 0)
    distance = float(means[1, best] - means[0, best])
    apart = np.sqrt(2) * distance / np.sqrt(max(float(variances.sum()), 1e-12))
    return (float(counts[1, best]) / n, distance) if apart > 3.8 + 85 / n else None


def multi_modal(data: StudyData) -> Iterator[Finding]:
    """Cells whose invocations fall into two groups, also inside environments, beyond chance."""
    run = data.run
    good = warm(run.samples)
    cells = [rows for _, rows in good.groupby(["function", "architecture", *KEYS], observed=True)]
    judged = [(_two_kinds(rows), rows) for rows in cells]
    mixed = [(*present, rows) for present, rows in judged if present]
    if mixed:
        share, distance, rows = max(mixed, key=lambda cell: cell[1])
        yield Finding(
            "warning",
            "two kinds of invocations",
            f"durations have two modes in {len(mixed)} of {len(cells)} combinations of payload "
            f"type and size: {places(rows)}, {format_part(share)} take "
            f"{format_times(float(np.exp(distance)))} as long as the others",
            "find what differs (a cache, a connection, a branch); measure both as payload types",
        )


def _two_kinds(rows: DataFrame) -> tuple[float, float] | None:
    """Share and distance of the slower kind; None where it is single environments that differ."""
    logs = np.log(rows["duration_ms"].to_numpy(float).clip(min=1e-3))
    present = modes(logs)
    if present is None:
        return None
    slower = Series(logs > np.sort(logs)[round((1 - present[0]) * len(logs)) - 1], index=rows.index)
    mixed = slower.groupby(rows["environment"], observed=True).nunique() > 1
    return present if mixed.mean() >= 0.5 else None


def _parts(values: Floats, cuts: NDArray[np.int64]) -> Floats:
    """Sums of the values before and after each cut."""
    total = np.cumsum(values)
    before = total[cuts - 1]
    return np.array([before, total[-1] - before])


# Findings about the answer: winners at an edge, payload types that disagree, own warnings.


def edge_of_grid(data: StudyData) -> Iterator[Finding]:
    """Cheapest sizes at the end of the sizes measured, that a further size might beat."""
    run = data.run
    if len(run.sizes) < 2 or data.measured.empty or run.adaptive:
        return
    advice = [choice for choice in recommendations(data, ("cost",)) if choice.payload != MIX]
    ends = ((run.sizes[0], "smaller", MIN_MB), (run.sizes[-1], "larger", MAX_MB))
    for edge, beyond, possible in ends:
        if edge in run.beyond_mb:
            continue  # larger ones would run alike: `beyond_cores` says so
        names = [choice.payload for choice in advice if choice.memory_mb == edge]
        if names and edge != possible:
            yield Finding(
                "note",
                "cheapest size at the edge of the sizes measured",
                f"{format_mb(edge)}, the {beyond.replace('er', 'est')} size measured, "
                f"is cheapest for {join(names)}",
                f"measure {beyond} sizes too",
            )


def types_disagree(data: StudyData) -> Iterator[Finding]:
    """No size is the best, or as good as the best, for all payload types."""
    if len(data.run.payloads) < 2 or data.measured.empty:
        return
    advice = [choice for choice in recommendations(data, ("cost",)) if choice.payload != MIX]
    if any(choice.memory_mb for choice in advice) and not common_sizes(advice):
        yield Finding(
            "note",
            "payload types disagree",
            "no size is cheapest, or as cheap, for every payload type",
            "choose by the mix, or split the function by payload type",
        )


def recorded(data: StudyData) -> Iterator[Finding]:
    """Warnings that the run itself recorded, but how sure it is: its answer says that."""
    run = data.run
    for text in (warning for warning in run.manifest.warnings if UNSURE not in str(warning)):
        yield Finding("warning", "recorded by the run", str(text), "see the run's manifest")


# Findings about logs: what they do not tell.


def unread_reports(data: StudyData) -> Iterator[Finding]:
    """Reports that are missing because they could not be read."""
    run = data.run
    logs = _of_logs(run)
    if unread := logs.unread:
        example = logs.example[:_EXAMPLE_CHARACTERS]
        yield Finding(
            "warning",
            "reports that could not be read",
            f"{unread:,} lines hold a report that could not be read, such as {example!r}",
            "export them again, whole lines with `aws logs tail`",
        )


def untold_failures(data: StudyData) -> Iterator[Finding]:
    """Reports of which nothing tells whether the handler raised: text reports never do."""
    run = data.run
    untold = _of_logs(run).untold
    if untold:
        yield Finding(
            "note",
            "failures cannot be known",
            f"of {untold:,} of {len(run.samples):,} invocations there is a text report alone, "
            "which does not tell whether the handler raised: they count as successes",
            "export the lines around the reports as well (START, END, errors), or log in JSON",
        )


_EXAMPLE_CHARACTERS = 120


def _of_logs(run: Run) -> LogsRead:
    """What was lost of logs, as a run's manifest or a bare frame keeps it."""
    return run.manifest.logs or LogsRead.from_json(run.samples.attrs.get("logs", {}))


# Findings about an adaptive run: that it ended before it was sure.


_CUT_SHORT = {
    "budget": "allow more (--max-usd, or a larger num)",
    "grid": "measure the grid, or allow a larger num",
    "time": "allow more time (--max-minutes)",
    "history": "ask for fewer payload types at once",
}


def cut_short(data: StudyData) -> Iterator[Finding]:
    """An adaptive run that a limit ended: its answer is the best so far."""
    run = data.run
    stopped = run.exploration.stopped if run.exploration else ""
    if stopped in _CUT_SHORT:
        yield Finding(
            "warning",
            "ended before it was sure",
            f"{ENDS[stopped]}; its answer is the best so far",
            _CUT_SHORT[stopped],
        )


# Findings about runs that were pooled into one: whatever else than chance may differ in them.


def mixed_runs(data: StudyData) -> Iterator[Finding]:
    """Pooled runs of one function that had other code, prices, or machines."""
    run = data.run
    by_function: dict[tuple[str, str], list[Manifest]] = {}
    for manifest in parts(run):
        key = (manifest.function, manifest.architecture)
        by_function.setdefault(key, []).append(manifest)
    for (function, _), manifests in by_function.items():
        for name, severity, facts, advice in _kinds(manifests):
            present = list(dict.fromkeys(fact for fact in facts if fact))
            if len(present) > 1:
                words = join(f"{fact[:12]}…" if len(fact) > 24 else fact for fact in present)
                yield Finding(severity, name, f"runs of {function} with {words} are pooled", advice)


def _kinds(manifests: list[Manifest]) -> Iterator[tuple[str, str, list[str], str]]:
    code = [manifest.code_sha256 for manifest in manifests]
    advice = "look at one of them, or compare them in notebook 05"
    yield "different code in one summary", "warning", code, advice
    books = [manifest.price_book.version for manifest in manifests]
    yield "different price books in one summary", "warning", books, "durations are not affected"
    places = [manifest.endpoint.words("kind", "limiter") for manifest in manifests]
    yield "different machines in one summary", "error", places, "do not use these means"


# All of them, the gravest first.


RULES: tuple[Callable[[StudyData], Iterator[Finding]], ...] = (
    no_answer,
    failures,
    cut_short,
    few_samples,
    few_environments,
    unknown_environments,
    rare_slow_calls,
    cold_starts,
    memory_full,
    stolen_cpu,
    beyond_cores,
    drifting,
    multi_modal,
    throttled,
    mixed_runs,
    edge_of_grid,
    types_disagree,
    recorded,
    unread_reports,
    untold_failures,
)


def checks(data: StudyData) -> list[Finding]:
    """All findings about a run or about bare samples, the gravest first; [] when all is well."""
    return data.once(
        "checks", lambda: gravest_first(finding for rule in RULES for finding in rule(data))
    )
