"""How a run was measured: what a reader needs to judge it, and to repeat it."""

from pandas import DataFrame

from ..core.manifest import Manifest, PriceBookName
from .frames import failed, warm
from .run import Run, as_run
from .text.format import format_mb, format_usd, join_mb
from .text.tables import Table


def method(source: Run | DataFrame) -> Table:
    """Two columns, `what` and `value`: place, function, sizes, samples, seed, prices, run."""
    run = as_run(source)
    rows = {**_place(run), **_target(run.manifest), **_design(run), **_outcome(run)}
    told = [(what, str(value)) for what, value in rows.items() if value not in ("", None)]
    return Table(DataFrame(told, columns=["what", "value"]))


def _place(run: Run) -> dict[str, object]:
    about = run.manifest.endpoint
    names = {"embedded": "embedded AWS on this machine, not AWS", "aws": "AWS"}
    kind = about.get("kind", "")
    return {
        "Measured on": names.get(kind, kind),
        "CPU limiter": about.get("limiter"),
        "Settling": about.get("settle"),
        "CPU cores of the host": about.get("cores"),
        "Region": run.manifest.region or None,
    }


def _target(manifest: Manifest) -> dict[str, object]:
    size = manifest.current_memory_mb
    return {
        "Function": manifest.function_arn or manifest.function or None,
        "Runtime": manifest.runtime or None,
        "Architecture": manifest.architecture or None,
        "Memory today": None if size is None else format_mb(size),
        "Code SHA-256": manifest.code_sha256 or None,
    }


def _design(run: Run) -> dict[str, object]:
    weights = run.weights
    mix = ", ".join(f"{name} ({weights[name]:g})" for name in run.payloads)
    return {
        "Payload types (weight in the mix)": mix,
        "Memory sizes": join_mb(run.sizes),
        "Measured with fewer vCPUs than on AWS": _held_back(run),
        "Invocations a size and payload type": run.manifest.num,
        "Seed": run.manifest.seed,
    }


def _held_back(run: Run) -> str:
    """Sizes beyond the cores of the host; "" where there are none."""
    if run.host is None or not run.beyond_mb:
        return ""
    return f"{join_mb(run.beyond_mb)}: run with the {run.host.told} of this host"


def _outcome(run: Run) -> dict[str, object]:
    samples, manifest = run.samples, run.manifest
    good, bad = len(warm(samples)), int(failed(samples).sum())
    cold = int((samples["cold"] & ~failed(samples)).sum())
    per_size = samples.groupby("memory_mb")["environment"].nunique()
    book, spent = manifest.price_book, manifest.usd
    return {
        "Samples": f"{len(samples):,}: {good:,} warm, {cold:,} cold, {bad:,} failed",
        "Execution environments a size": _span(int(per_size.min()), int(per_size.max())),
        "Statistics": "means of warm successful invocations; bands hold the mean with 95 %",
        "Price book": _first_clause(book),
        "Cost at these prices": None if spent is None else format_usd(spent),
        "Started": manifest.started_at or None,
        "Finished": manifest.finished_at or None,
        "Run": run.run_id,
    }


def _first_clause(book: PriceBookName) -> str:
    """Version and the beginning of the source, which may list every service."""
    named = " from ".join(text for text in (book.version, book.source) if text)
    return named.partition(";")[0]


def _span(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"
