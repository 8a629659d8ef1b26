"""How a run was measured: what a reader needs to judge it, and to repeat it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pandas import DataFrame

from ...core.format import format_count, format_mb, join, join_mb
from ...core.statistics.means import placed
from ...core.tuning.endpoint import AWS, EMBEDDED, Endpoint
from ...core.tuning.manifest import PriceBookName
from ..data import StudyData
from ..frames import failed, warm
from ..run import Run
from ..text.statement import About
from ..text.tables import Table


def about(runs: Sequence[Run], *facts: str) -> About:
    """Functions, place and date of some runs, as one line below a report's title."""
    functions = [str(name) for run in runs for name in run.samples["function"].unique()]
    places = ["embedded AWS" if run.embedded else run.manifest.region for run in runs]
    dates = sorted({run.manifest.started_at[:10] for run in runs} - {""})
    return About(
        tuple(dict.fromkeys(functions)),
        join(dict.fromkeys(filter(None, places))),
        " to ".join(dict.fromkeys([*dates[:1], *dates[-1:]])),
        tuple(filter(None, facts)),
    )


def about_study(data: StudyData) -> About:
    """The same of a study, with how much was measured."""
    run, kind = data.run, "cold starts" if data.cold_only else "warm invocations"
    payload_types = format_count(len(run.payloads), "payload type")
    what = f"{payload_types} at {format_count(len(run.sizes), 'size')}"
    return about([run], f"{len(data.measured):,} {kind}", what)


def method(data: StudyData) -> Table:
    """Two columns, `what` and `value`: place, function, sizes, samples, seed, prices, run."""
    run = data.run
    rows = {**_place(run), **_function(run), **_design(run), **_outcome(data)}
    facts = [(what, str(value)) for what, value in rows.items() if value not in ("", None)]
    return Table(DataFrame(facts, columns=["what", "value"]))


def _place(run: Run) -> dict[str, object]:
    about = run.endpoint
    names = {EMBEDDED: "embedded AWS on this machine, not AWS", AWS: "AWS"}
    return {
        "Measured on": names.get(about.kind, about.kind),
        "CPU limiter": about.limiter,
        "Settling": about.settle,
        "CPU cores of the host": about.cores,
        "Isolation of functions": _isolation(about),
        "Region": run.manifest.region,
    }


def _isolation(about: Endpoint) -> str:
    """What functions saw of the host, where it was the embedded AWS."""
    words = {"none": "none: they saw and could write what its user can"}
    level = words.get(about.isolation, about.isolation)
    return f"{level} ({about.isolation_why})" if about.isolation_why else level


def _function(run: Run) -> dict[str, object]:
    size = run.current_memory_mb
    return {
        "Function": run.manifest.function_arn or run.function,
        "Runtime": run.manifest.runtime,
        "Architecture": run.manifest.architecture,
        "Memory today": None if size is None else format_mb(size),
        "Code SHA-256": run.manifest.code_sha256,
    }


def _design(run: Run) -> dict[str, object]:
    weights = run.weights
    mix = ", ".join(f"{name} ({weights[name]:g})" for name in run.payloads)
    return {
        "Payload types (weight in the mix)": mix,
        "Memory sizes": join_mb(run.sizes),
        "Measured with fewer vCPUs than on AWS": _untestable(run),
        "Invocations per size and payload type": None if run.adaptive else run.manifest.num,
        "Seed": run.manifest.seed,
    }


def _untestable(run: Run) -> str:
    """Sizes beyond the cores of the host; "" where there are none."""
    if run.host is None or not run.beyond_mb:
        return ""
    return f"{join_mb(run.beyond_mb)}: run with the {run.host} of this host"


def _outcome(data: StudyData) -> dict[str, object]:
    run, samples, spent = data.run, data.run.samples, data.run.manifest.usd
    good, bad = len(warm(samples)), int(failed(samples).sum())
    cold = int((samples["cold"] & ~failed(samples)).sum())
    placed_samples = samples[samples["environment"].ne("")]
    per_size = placed_samples.groupby("memory_mb")["environment"].nunique()
    kind = "cold starts, init included" if data.cold_only else "warm successful invocations"
    drawn = any(curve.draws_intervals for curve in data.curves)
    bands = "bands are 95 % confidence intervals of the mean" if drawn else "no intervals"
    return {
        "Samples": f"{len(samples):,}: {good:,} warm, {cold:,} cold, {bad:,} failed",
        "Execution environments per size": _span(int(per_size.min()), int(per_size.max()))
        if len(per_size) and placed(samples["environment"].astype(str).tolist())
        else "not known",
        "Statistics": f"means of {kind}; {bands}",
        "Price book": _first_clause(run.manifest.price_book),
        "Cost at these prices": None if spent is None else data.money(spent),
        "Started": _second(run.manifest.started_at),
        "Finished": _second(run.manifest.finished_at),
        "Run": run.run_id,
    }


def _second(time: str | None) -> str | None:
    """A time in ISO 8601 to the second, in UTC; the tuner and the client write them differently."""
    if not time:
        return time
    utc = datetime.fromisoformat(time).astimezone(UTC)
    return f"{utc:%Y-%m-%d %H:%M:%S} UTC"


def _first_clause(book: PriceBookName) -> str:
    """Version and the first clause of the source, which may list every service."""
    named = " from ".join(text for text in (book.version, book.source) if text)
    return named.partition(";")[0]


def _span(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"
