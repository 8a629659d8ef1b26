"""The pillars of the AWS Well-Architected Framework that memory tuning touches: what a run shows.

Ids and names of best practices are those of the edition `FRAMEWORK`; each has a page there.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields

from pandas import DataFrame

from ...core.format import SURE, format_count, format_faster, format_mb, format_ms, format_sure
from ...core.strategies import REGISTRY
from ..answer.headline import headline
from ..data import StudyData
from ..frames import failed, good
from ..options import DEFAULT_VOLUME
from ..run import of_means

FRAMEWORK = "AWS Well-Architected Framework, edition 2024-06-27"
SCHEMA_VERSION = 1
"""Of `evidence`: raised when a field changes its meaning or goes."""

MET, PARTLY, NOT, NOT_MEASURED = "met", "partly", "not", "not measured"

COST, PERFORMANCE = "Cost optimization", "Performance efficiency"
SUSTAINABILITY, RELIABILITY = "Sustainability", "Reliability"

NAMES = {
    "COST05-BP06": "Perform cost analysis for different usage over time",
    "COST06-BP01": "Perform cost modeling",
    "COST06-BP02": "Select resource type, size, and number based on data",
    "PERF01-BP06": "Use benchmarking to drive architectural decisions",
    "PERF02-BP03": "Collect compute-related metrics",
    "PERF02-BP04": "Configure and right-size compute resources",
    "SUS05-BP01": "Use the minimum amount of hardware to meet your needs",
    "REL01-BP04": "Monitor and manage quotas",
    "REL05-BP05": "Set client timeouts",
    "REL06-BP01": "Monitor all components for the workload (Generation)",
}

_FRAMEWORK_URL = "https://docs.aws.amazon.com/wellarchitected/2024-06-27/framework"
_PAGES = {
    "COST05-BP06": "cost_select_service_analyze_over_time",
    "COST06-BP01": "cost_type_size_number_resources_cost_modeling",
    "COST06-BP02": "cost_type_size_number_resources_data",
    "PERF01-BP06": "perf_architecture_use_benchmarking",
    "PERF02-BP03": "perf_compute_hardware_collect_compute_related_metrics",
    "PERF02-BP04": "perf_compute_hardware_configure_and_right_size_compute_resources",
    "SUS05-BP01": "sus_sus_hardware_a2",
    "REL01-BP04": "rel_manage_service_limits_monitor_manage_limits",
    "REL05-BP05": "rel_mitigate_interaction_failure_client_timeouts",
    "REL06-BP01": "rel_monitor_aws_resources_monitor_resources",
}

_FULL, _NEAR, _FAR = 0.9, 1.1, 1.5
"""Memory nearly exhausted; GB-seconds over the least that are near it, and far from it."""


@dataclass(frozen=True)
class Practice:
    """What one run shows of a best practice: "met", "partly", "not" or "not measured", the
    evidence with its numbers, and what to do next ("" where there is nothing)."""

    function: str
    pillar: str
    id: str
    practice: str
    state: str
    evidence: str
    next_step: str

    @property
    def page(self) -> str:
        """Where AWS publishes the best practice."""
        return f"{_FRAMEWORK_URL}/{_PAGES[self.id]}.html"


def pillars(data: StudyData) -> DataFrame:
    """One row for each best practice (of each function), columns as `Practice`.

    A run says something of the function that it measured, never of a whole workload: what needs
    more than one run, or production, is "partly" at most. What an embedded AWS measured is no
    evidence of AWS's own figures, and "partly" at most, too.
    """
    return pillars_frame(practices(data))


def pillars_frame(rows: Iterable[Practice]) -> DataFrame:
    """Best practices as a frame."""
    columns = [column.name for column in fields(Practice)]
    return DataFrame([asdict(row) for row in rows], columns=columns)


def evidence(data: StudyData) -> dict[str, object]:
    """The same as plain values, to be attached to a workload review as JSON."""
    run = data.run
    return {
        "schema_version": SCHEMA_VERSION,
        "framework": FRAMEWORK,
        "run_id": run.run_id,
        "measured_on": "embedded AWS" if run.embedded else "AWS",
        "region": run.manifest.region,
        "started_at": run.manifest.started_at,
        "practices": [asdict(practice) | {"page": practice.page} for practice in practices(data)],
    }


def practices(data: StudyData) -> list[Practice]:
    """What the run shows of each best practice, computed once."""
    return data.once(
        "pillars",
        lambda: [
            practice(part.run.function, name, *verdict)
            for part in data.parts
            for name, verdict in _rows(part)
        ],
    )


def practice(function: str, name: str, state: str, evidence: str, next_step: str) -> Practice:
    """The best practice of this id."""
    return Practice(function, _pillar(name), name, NAMES[name], state, evidence, next_step)


def _pillar(name: str) -> str:
    pillars = {"C": COST, "P": PERFORMANCE, "S": SUSTAINABILITY, "R": RELIABILITY}
    return pillars[name[0]]


_Shown = tuple[str, str, str]
"""State, evidence and next step."""


def _rows(data: StudyData) -> Iterator[tuple[str, _Shown]]:
    yield "COST06-BP01", _cost_model(data)
    yield "COST06-BP02", _sized(data)
    yield "COST05-BP06", _usage(data)
    yield "PERF01-BP06", _benchmark(data)
    yield "PERF02-BP03", _metrics(data)
    yield "PERF02-BP04", _right_sized(data)
    yield "SUS05-BP01", _hardware(data)
    yield "REL01-BP04", _throttles(data)
    yield "REL05-BP05", _timeouts(data)
    yield "REL06-BP01", _failures(data)


_NOTHING: _Shown = (NOT_MEASURED, "no invocation succeeded", "make the function succeed first")


def _limited(data: StudyData, state: str) -> str:
    """No more than "partly" where it was not measured on AWS."""
    return PARTLY if data.run.embedded and state == MET else state


def _where(data: StudyData) -> str:
    return "measure on AWS" if data.run.embedded else ""


def _cost_model(data: StudyData) -> _Shown:
    curve, volume = data.curve(), data.options.monthly_invocations
    if curve is None or not curve.sizes:
        return _NOTHING
    low, high = (data.money(float(usd) * 1e6) for usd in (curve.usd.min(), curve.usd.max()))
    evidence = f"{len(curve.sizes)} sizes cost {low} to {high} per million invocations"
    if len(curve.sizes) < 2:
        return PARTLY, f"one size alone: {evidence}", "measure at least two sizes"
    if not volume:
        return PARTLY, evidence, "name your volume (monthly_invocations)"
    return _limited(data, MET), f"{evidence}, for {volume:,.0f} a month", _where(data)


def _sized(data: StudyData) -> _Shown:
    head = headline(data)
    if head.memory_mb is None:
        return NOT, f"no size can be recommended: {head.reason}", "measure again"
    sure = f"{format_sure(head.sure)} sure" if not math.isnan(head.sure) else "how sure is unknown"
    answer = f"{format_mb(head.memory_mb)} for {REGISTRY[head.strategy].purpose} ({sure})"
    evidence = f"{len(data.measured):,} invocations say {answer}"
    if not head.sure >= SURE:
        return PARTLY, evidence, "measure more until it is 95 % sure"
    if head.today_mb is None:
        return PARTLY, f"{evidence}; today's size is not known", "name today's size"
    if head.applied_mb == head.memory_mb:
        return _limited(data, MET), f"{evidence}, which this run set", _where(data)
    if head.memory_mb != head.today_mb:
        set_it = f"set {format_mb(head.memory_mb)}"
        return PARTLY, f"{evidence}; today {format_mb(head.today_mb)}", set_it
    return _limited(data, MET), f"{evidence}, today's size", _where(data)


def _usage(data: StudyData) -> _Shown:
    curve, size = data.curve(), headline(data).memory_mb
    if curve is None or size not in curve.sizes:
        return _NOTHING
    usd = float(curve.usd[curve.sizes.index(size)])
    volumes = sorted({1e6, 1e7, 1e8, data.options.monthly_invocations or DEFAULT_VOLUME})
    bills = [
        f"{data.money.bill(usd * volume)} at {volume / 1e6:,.4g} million" for volume in volumes
    ]
    next_step = "compare with a run of another month (notebook 05)"
    return PARTLY, f"{format_mb(size)} costs a month: {', '.join(bills)}", next_step


def _benchmark(data: StudyData) -> _Shown:
    run = data.run
    if of_means(run):
        return PARTLY, "published means, without samples", "measure it yourself"
    types = format_count(len(run.payloads), "payload type")
    sizes = format_count(len(run.sizes), "size")
    evidence = f"{len(data.measured):,} invocations of {types} at {sizes}"
    if data.measured.empty or len(run.sizes) < 2:
        return PARTLY, evidence, "measure at least two sizes"
    return _limited(data, MET), evidence, _where(data)


def _metrics(data: StudyData) -> _Shown:
    samples = data.run.samples
    names = {"duration_ms": "duration", "billed_ms": "billed time", "init_ms": "init",
             "max_memory_mb": "memory used"}  # fmt: skip
    counts = [
        f"{words} of {int(samples[name].notna().sum()):,}"
        for name, words in names.items()
        if samples[name].notna().any()
    ]
    evidence = f"{', '.join(counts)} invocations, of this run alone"
    return PARTLY, evidence, "watch the same figures in production (CloudWatch Lambda Insights)"


def _right_sized(data: StudyData) -> _Shown:
    head = headline(data)
    if head.memory_mb is None:
        return NOT_MEASURED, f"no size can be recommended: {head.reason}", "measure again"
    if head.keeps_today:
        state = _limited(data, MET) if head.sure >= SURE else PARTLY
        return state, f"{format_mb(head.memory_mb)} today is the answer", _where(data)
    if math.isnan(head.speedup):
        return NOT_MEASURED, "today's size was not measured, or fails", "measure today's size, too"
    speed = format_faster(head.speedup, f"{format_mb(head.today_mb or 0)} today")
    cost = f"{head.cost_ratio * 100:.0f} % of its cost"
    evidence = f"{format_mb(head.memory_mb)} is {speed}, at {cost}"
    is_set = head.applied_mb == head.memory_mb
    state = _limited(data, MET) if is_set else NOT if head.sure >= SURE else PARTLY
    if is_set or not head.firm:
        return state, evidence, "" if is_set else "measure more before you set it"
    return state, evidence, f"set {format_mb(head.memory_mb)}"


def _hardware(data: StudyData) -> _Shown:
    curve, head = data.curve(), headline(data)
    if curve is None or head.memory_mb not in curve.sizes:
        return _NOTHING
    # Seconds of a million invocations, times gigabytes.
    used = {
        size: size / 1024 * float(ms) * 1e3
        for size, ms in zip(curve.sizes, curve.ms, strict=True)
    }  # fmt: skip
    least = min(used, key=used.__getitem__)
    sizes = dict.fromkeys((head.today_mb, head.memory_mb, least))
    amounts = [f"{used[size]:,.0f} at {format_mb(size)}" for size in sizes if size in used]
    evidence = f"GB-seconds of a million invocations: {', '.join(amounts)}"
    now = head.today_mb if head.applied_mb is None else head.applied_mb
    now = now if now in used else head.memory_mb
    times = used[now] / used[least] if used[least] else 1.0
    state = MET if times <= _NEAR else PARTLY if times <= _FAR else NOT
    next_step = "" if times <= _NEAR else f"fewest at {format_mb(least)}: weigh that against speed"
    return _limited(data, state), evidence, next_step


def _throttles(data: StudyData) -> _Shown:
    samples = data.run.samples
    retried = int((samples["retries"] > 0).sum())
    if retried:
        evidence = f"{retried:,} of {len(samples):,} invocations were throttled at first"
        return NOT, evidence, "raise the function's concurrency, or the account's quota"
    evidence = f"none of {len(samples):,} invocations was throttled; your own load was not tried"
    return NOT_MEASURED, evidence, "compare your peak concurrency with the quota"


def _timeouts(data: StudyData) -> _Shown:
    size, samples = headline(data).memory_mb, good(data.run.samples)
    own = samples[samples["memory_mb"] == size]
    if own.empty or of_means(data.run):
        return NOT_MEASURED, "no single invocation was seen at the chosen size", "measure it"
    waited = own["duration_ms"] + own["init_ms"].fillna(0) + own["restore_ms"].fillna(0)
    limit = data.run.manifest.timeout_s
    own_limit = "" if limit is None else f"; the function's timeout is {format_ms(limit * 1000)}"
    evidence = (
        f"slowest of {len(own):,} invocations at {format_mb(size or 0)}: "
        f"{format_ms(float(waited.max()))}, cold starts included{own_limit}; its callers' timeouts "
        "were not read"
    )
    return NOT_MEASURED, evidence, "keep timeouts of callers and function above that, with room"


def _failures(data: StudyData) -> _Shown:
    size, samples = headline(data).memory_mb, data.run.samples
    own = samples[samples["memory_mb"] == size]
    if own.empty:
        return NOT_MEASURED, "no invocation was seen at the chosen size", "measure it"
    bad, used = int(failed(own).sum()), float(own["max_memory_mb"].max())
    evidence = f"{bad:,} of {len(own):,} invocations failed at {format_mb(size or 0)}"
    if not math.isnan(used):
        evidence += (
            f"; at most {used:,.0f} MB of it was used ({used / float(size or 1) * 100:.0f} %)"
        )
    if bad:
        return NOT, evidence, "find out why they failed"
    if used >= _FULL * float(size or 1):
        return NOT, evidence, "choose a larger size, or expect it to run out of memory"
    return PARTLY, evidence, "watch errors and memory in production"
