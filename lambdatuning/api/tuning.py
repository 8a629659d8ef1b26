"""Tuning a function, and benchmarking the stack's function with every payload type."""

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pandas import DataFrame

from ..analysis.frames import failed, warm
from ..analysis.run import Run
from ..cloud.aws_errors import explaining
from ..cloud.executions import execution_arn
from ..cloud.payloads import load_payload_types
from ..cloud.run_store import Skipped, Store, StoredRun, stored_runs, warn_of_skipped
from ..cloud.session import Cloud
from ..cloud.tuning.isolation import isolated
from ..cloud.tuning.plan import TunePlan, TuneRequest, plan_tune
from ..cloud.tuning.power_tuning import tune_elsewhere
from ..cloud.tuning.run import Effects, signals_as_interrupts
from ..cloud.tuning.run import tune as tune_here
from ..core.arn import function_name
from ..core.errors import NotFoundError, RunFailedError, UsageError
from ..core.format import FAIRLY_SURE
from ..core.progress import OnProgress
from ..core.sizes import DEFAULT_POWERS, parse_sizes
from ..core.strategies import (
    KIT_STRATEGY,
    MAX_SPEED_WORTH,
    RUN_STRATEGIES,
    WORTH,
    Worth,
    check_strategy,
)
from ..core.tuning.contract import check_exploration
from ..core.tuning.estimate import EarlierRuns, Overhead, Workload, overhead_of
from ..core.tuning.manifest import OURS, Manifest
from ..core.tuning.payloads import PayloadType, parse_event, unique
from ..core.tuning.plan import MAX_COLD, MAX_ENVIRONMENTS
from ..core.validation import checked, number, whole_number
from ..reporting.progress import show_progress
from ..workspace import resources
from ..workspace.code import code_here
from .consent import Confirm, agree, describe_price, only_after_yes, require_budget
from .prices import own_price_book
from .runs import loaded, writable_store
from .stack import deploy, deploying, outputs_with_example, usable_outputs

PayloadChoice = PayloadType | str | Path | Mapping[str, Any]
"""A type, the name of one, a file or s3://bucket/key, or the event itself (a dict, or JSON)."""


def payload_types(
    payload: PayloadChoice | Iterable[PayloadChoice], folder: str | Path, cloud: Cloud | None = None
) -> tuple[PayloadType, ...]:
    """The types meant, () for none; names are looked up in `folder`.

    UsageError for what cannot be one.
    """
    many = [payload] if isinstance(payload, PayloadType | str | Path | Mapping) else list(payload)
    if not many:
        return ()
    if all(isinstance(entry, Mapping) and entry.keys() >= {"payload", "weight"} for entry in many):
        return parse_event(json.dumps(many), "the payload", "event")
    entries = [_event(entry) if isinstance(entry, Mapping) else entry for entry in many]
    types = [entry for entry in entries if isinstance(entry, PayloadType)]
    names = [entry for entry in entries if isinstance(entry, str | Path)]
    if len(types) + len(names) < len(entries):
        raise UsageError("a payload is a name, a file, an event (a dict) or a PayloadType")
    if sum(isinstance(entry, Mapping) for entry in many) > 1:
        raise UsageError("several events need names; write PayloadType(name, event) for each")
    named = load_payload_types(resources.payloads(folder).path, names, cloud) if names else ()
    return unique([*types, *named])


def _event(event: Mapping[str, Any]) -> PayloadType:
    return PayloadType("event", dict(event), literal=True)


# What earlier runs say of a function's durations: the base of an estimate.


_RUNS = 5
"""Runs that are looked at, newest last: older ones tell of older code."""


def earlier_runs(store: Store, cloud: Cloud, function: str) -> EarlierRuns:
    """Mean billed times of a function's latest runs on the same kind of endpoint, and the tuner's.

    The newest run that has a payload type at a size counts for it.
    """
    name = function_name(function)
    earlier = [run for run in stored_runs(store) if _comparable(run, cloud, name)]
    durations = EarlierRuns({}, {})
    for run in earlier[-_RUNS:]:
        try:
            samples = loaded(run).samples
        except RunFailedError as exc:
            warn_of_skipped([Skipped(run.run_id, str(exc))])
            continue
        cold = samples[samples["cold"] & ~failed(samples)]
        own = EarlierRuns(
            _means(warm(samples), ["payload", "memory_mb"]), _means(cold, ["memory_mb"])
        )
        durations = EarlierRuns(
            {**durations.warm_ms, **own.warm_ms},
            {**durations.cold_ms, **own.cold_ms},
            _overhead(run.manifest, own) or durations.overhead,
        )
    return durations


def _overhead(manifest: Manifest, own: EarlierRuns) -> Overhead | None:
    """What the tuner itself took in a run of a grid; None where the manifest does not tell."""
    took = manifest.tuner_ms
    if not took or not manifest.environments or manifest.exploration:
        return None
    workload = Workload(
        sizes=manifest.sizes,
        counts={payload.name: manifest.num or 0 for payload in manifest.payloads},
        environments=manifest.environments,
        cold=manifest.cold_starts,
        timeout_s=manifest.timeout_s or 0.0,
    )
    return overhead_of(workload, own, took.control, took.measure)


def _comparable(run: StoredRun, cloud: Cloud, name: str) -> bool:
    manifest = run.manifest
    same = manifest.function == name and manifest.endpoint.kind == cloud.kind
    return same and manifest.kind == OURS


def _means(samples: DataFrame, keys: list[str]) -> dict[Any, float]:
    means = samples.groupby(keys, observed=True)["billed_ms"].mean().reset_index()
    rows = zip(*(means[key].tolist() for key in keys), strict=True)
    names = [row if len(keys) > 1 else row[0] for row in rows]
    return dict(zip(names, means["billed_ms"].astype(float).tolist(), strict=True))


# Tuning a function, and benchmarking the stack's function with every payload type.


NUM = 10
"""Invocations per size and payload type of a grid, where nothing is said."""


@explaining()
@checked
def tune(
    cloud: Cloud,
    function: str,
    payload: PayloadChoice | Iterable[PayloadChoice] = (),
    *,
    powers: str | Iterable[int] | None = None,
    current: bool = True,
    num: int | str | None = None,
    strategy: str = KIT_STRATEGY,
    weight: float | str = 0.5,
    speed_worth: float | str = WORTH.speed_worth,
    cost_tolerance: float | str = WORTH.cost_tolerance,
    auto_optimize: bool = False,
    alias: str | None = None,
    min_sure: float | str = FAIRLY_SURE,
    seed: int | str | None = None,
    environments: int | str | None = None,
    cold: int | str = 0,
    allowed_errors: Iterable[str] = (),
    isolate: bool = False,
    price_book: str | Path | None = None,
    table: str = "",
    state_machine: str | None = None,
    stack: str = "",
    payloads: str | Path = "",
    store: str | Path = "",
    explore: str | None = "",
    max_usd: float | str | None = None,
    max_minutes: float | str | None = None,
    regret: float | str | None = None,
    for_compare: bool | None = None,
    labels: Mapping[str, str] | Iterable[str] = (),
    confirm: Confirm = agree,
    on_progress: OnProgress | None = None,
) -> Run:
    """Tune one function (name or ARN) and store the run.

    `payload` names payload types of the folder `payloads` or files, or is `PayloadType`s, or an
    event (a dict), sent as it stands; none means one empty event. `powers` are memory sizes in MB,
    beside which today's size is measured unless `current` is False,
    `num` the invocations per size and type (10). `strategy` is "value", the least
    cost x duration^`speed_worth` among the sizes that cost at most the share `cost_tolerance` more
    than the cheapest, or "cost", "speed" or "balanced" (by `weight`).
    `auto_optimize` sets the answer (behind an `alias`, if one is named) where it is at least
    `min_sure`, a share: 0 sets it whatever its certainty. Power Tuning itself always sets it.
    `cold` cold starts per size are measured on purpose, apart from the warm samples.
    `allowed_errors` are error types that the function is meant to raise. `isolate` tunes a copy of
    the function, which is removed again. `labels` (a dict, or "key=value" each) are stored with the
    run, as is the commit that git or the CI names. `price_book` is a file (see `lambdatuning
    prices`); None means `data/prices.json` if there is one, else the packaged book. `state_machine`
    runs another
    deployment, also one of AWS Lambda Power Tuning. Everything is checked, and `confirm` told the
    price, before anything starts; DeclinedError above `max_usd`.

    `explore` "grid" measures every size `num` times; it is what `num`, `cold` and `state_machine`
    ask for. Without them the default is "adaptive", as on the command line: it measures after every
    step what tells most for its price, and stops when its answer is expected to be worse than the
    best size by `regret` per cent at most (2; 1 costs more, 5 less), before it costs as much as
    the grid of `num` would; `max_usd` and `max_minutes`
    end it with the best answer so far and its honest confidence. With `for_compare` (the default
    where the store has an earlier run of the function) an adaptive run measures today's size and
    its answer in three environments at least, so that `compare` and `history` have intervals.
    """
    cold_starts = whole_number("cold", cold, *_COUNTS["cold"])
    by_count = num is not None or cold_starts > 0 or state_machine is not None
    request = TuneRequest(
        function=function,
        state_machine_arn="",
        payloads=payload_types(payload, payloads, cloud) or (PayloadType("empty", {}),),
        sizes=sizes_option(powers),
        named_sizes=powers is not None,
        with_today=current or powers is None,
        num=whole_number("num", NUM if num is None else num),
        strategy=check_strategy(strategy, RUN_STRATEGIES),
        weight=number("weight", weight, *_NUMBERS["weight"]),
        worth=Worth(
            number("speed_worth", speed_worth, *_NUMBERS["speed_worth"]),
            number("cost_tolerance", cost_tolerance, *_NUMBERS["cost_tolerance"]),
        ),
        auto_optimize=auto_optimize,
        alias=alias,
        min_sure=number("min_sure", min_sure, 0, 1),
        seed=count_option("seed", seed),
        environments=count_option("environments", environments),
        cold=cold_starts,
        allowed_errors=tuple(allowed_errors),
        table=table,
        labels=_labels(labels),
        price_book=own_price_book(price_book),
        explore=check_exploration(explore or ("grid" if by_count else "adaptive")),
        max_usd=amount_option("max_usd", max_usd),
        max_seconds=amount_option("max_minutes", max_minutes, lambda minutes: 60 * minutes),
        regret=amount_option("regret", regret, lambda per_cent: per_cent / 100),
    )
    _refuse_contradictions(request, isolate=isolate)
    arn = state_machine or usable_outputs(cloud, stack)["StateMachineArn"]
    job = TuneJob(replace(request, state_machine_arn=arn), isolate, for_compare)
    return _run(cloud, job, store, confirm, on_progress)


def _refuse_contradictions(request: TuneRequest, *, isolate: bool) -> None:
    if request.alias is not None and not request.alias.strip():
        raise UsageError("the alias is empty: name one, or leave it out")
    if request.alias and not request.auto_optimize:
        raise UsageError(
            "an alias is where the winner is published: ask for that, too (auto_optimize=True; "
            "--auto-optimize)"
        )
    if isolate and request.auto_optimize:
        raise UsageError("a copy is removed, so no winner can be set on it; leave one of them out")


@explaining()
@checked
def benchmark(
    cloud: Cloud,
    *,
    stack: str = "",
    template: str | Path = "",
    payload: PayloadChoice | Iterable[PayloadChoice] = (),
    payloads: str | Path = "",
    yes: bool = True,
    confirm: Confirm = agree,
    **options: Any,
) -> Run:
    """Tune the stack's own function for every payload type in one run, deploying it if needed.

    Without `yes` nothing that AWS bills is done: DeclinedError states the change or the price.

    Each size is published once for all types. Takes the options of `tune` but its function, table
    and state machine, which are the stack's; all types of the folder `payloads` unless some are
    named.
    """
    types = payload_types(payload, payloads, cloud) or load_payload_types(
        resources.payloads(payloads).path
    )
    refuse_bad_options(options)
    confirm = confirm if yes else only_after_yes(cloud)
    outputs = outputs_with_example(
        _deployed(cloud, stack, template, confirm, options.get("on_progress")), stack
    )
    return tune(
        cloud,
        outputs["FunctionName"],
        types,
        state_machine=outputs["StateMachineArn"],
        table=outputs["TableName"],
        confirm=confirm,
        **options,
    )


@dataclass(frozen=True)
class TuneJob:
    """What is to be tuned, whether on a copy, and whether for comparisons (None: where the store
    has an earlier run)."""

    request: TuneRequest
    isolate: bool
    for_compare: bool | None = None


def _run(
    cloud: Cloud,
    job: TuneJob,
    store: str | Path,
    confirm: Confirm,
    on_progress: OnProgress | None,
) -> Run:
    folder = writable_store(store)
    now = datetime.now(UTC)
    earlier = earlier_runs(folder, cloud, job.request.function)
    compared = bool(earlier.warm_ms) if job.for_compare is None else job.for_compare
    request = replace(
        job.request,
        for_compare=compared and job.request.adaptive,
        earlier=earlier,
        isolated=job.isolate,
        code=code_here(),
    )
    plan = plan_tune(cloud, request, now)
    require_budget(plan, request.max_usd)
    confirm(describe_price(cloud, plan), _question(cloud, plan))
    effects = Effects(on_progress or show_progress(), time.monotonic, time.sleep)
    run = tune_here if plan.tuner.ours else tune_elsewhere
    if not job.isolate:
        return loaded(run(cloud, plan, folder, effects))
    execution = execution_arn(plan.tuner.state_machine_arn, plan.run_id)
    with (
        signals_as_interrupts(),
        isolated(cloud, request.function, execution, time.sleep, plan.tuner.bucket) as copy,
    ):
        copied = plan_tune(cloud, replace(plan.request, function=copy, run_id=plan.run_id), now)
        return loaded(run(cloud, replace(copied, original=plan.arn.name), folder, effects))


def _question(cloud: Cloud, plan: TunePlan) -> str:
    """What to ask before a run: nothing where nothing is billed or set."""
    sets = " and set the winner on it" if plan.request.auto_optimize else ""
    if cloud.embedded and not sets:
        return ""
    copy = "" if plan.request.isolated or not plan.tuner.ours else " (--isolate tunes a copy)"
    return f"run this on {plan.arn.name}{copy}{sets}?"


def sizes_option(powers: str | Iterable[int] | None) -> tuple[int, ...]:
    """Memory sizes in MB, the default ones where none are given."""
    if powers is None:
        return DEFAULT_POWERS
    return parse_sizes(powers if isinstance(powers, str) else list(powers))


def _labels(labels: Mapping[str, str] | Iterable[str]) -> dict[str, str]:
    """Labels as a dict; UsageError for what is not KEY=VALUE."""
    if isinstance(labels, str):
        raise UsageError(f"labels are a dict or a list of KEY=VALUE; not {labels!r}")
    if isinstance(labels, Mapping):
        return {str(key): str(value) for key, value in labels.items()}
    read = {}
    for label in labels:
        key, equals, value = label.partition("=")
        if not key.strip() or not equals:
            raise UsageError(f"--label {label}: write --label KEY=VALUE")
        read[key.strip()] = value.strip()
    return read


def refuse_bad_options(options: Mapping[str, Any]) -> None:
    """What `tune` would refuse by itself is refused before anything is made for it.

    Before a stack is deployed, or a schedule printed that would fail every night.
    """
    sizes_option(options.get("powers"))
    check_strategy(options.get("strategy", KIT_STRATEGY), RUN_STRATEGIES)
    check_exploration(options.get("explore") or "grid")
    for name in _COUNTS:
        count_option(name, options.get(name))
    for name in _NUMBERS:
        amount_option(name, options.get(name))
    _labels(options.get("labels", ()))
    writable_store(options.get("store"))


_COUNTS = {
    "num": (1, math.inf),
    "cold": (0, MAX_COLD),
    "seed": (0, math.inf),
    "environments": (1, MAX_ENVIRONMENTS),
}
_NUMBERS = {
    "weight": (0, 1),
    "speed_worth": (0, MAX_SPEED_WORTH),
    "cost_tolerance": (0, math.inf),
    "min_sure": (0, 1),
    "max_usd": (0, math.inf),
    "max_minutes": (0.01, math.inf),
    "regret": (0.1, 50),
}
"""The ranges of the options that are numbers."""


def count_option(name: str, value: int | str | None) -> int | None:
    """An option that counts, held to its range; None where it is not given."""
    return None if value is None else whole_number(name, value, *_COUNTS[name])


def amount_option(
    name: str, value: float | str | None, converted: Callable[[float], float] = float
) -> float | None:
    """An option that is an amount, held to its range and converted; None where it is not given."""
    return None if value is None else converted(number(name, value, *_NUMBERS[name]))


def _deployed(
    cloud: Cloud,
    stack: str,
    template: str | Path,
    confirm: Confirm,
    on_progress: OnProgress | None,
) -> Mapping[str, str]:
    try:
        return usable_outputs(cloud, stack)
    except NotFoundError:
        on_event = deploying(on_progress or show_progress(), time.monotonic)
        return deploy(cloud, stack, template=template, confirm=confirm, on_event=on_event)
