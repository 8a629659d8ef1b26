"""The plan of a tuning run: everything checked, nothing created, price and concurrency known."""

import json
import math
import secrets
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from ...core.arn import FunctionArn, region_of, require_account, resolve_function
from ...core.errors import DeclinedError, NotFoundError, UsageError
from ...core.format import Money, money_of
from ...core.pricing import PriceBook, price_book_of
from ...core.sizes import DEFAULT_POWERS
from ...core.strategies import KIT_STRATEGY, STRATEGIES, WORTH, Worth
from ...core.tuning.contract import DEFAULT_PARALLEL_SIZES, EXPLORATIONS, parse_input
from ...core.tuning.estimate import (
    EMBEDDED,
    ON_AWS,
    EarlierRuns,
    Estimate,
    Overhead,
    Tariff,
    Workload,
    estimate_adaptive,
    estimate_run,
)
from ...core.tuning.manifest import NO_CODE, Code
from ...core.tuning.payloads import PayloadType
from ...core.tuning.plan import seeds_needed
from ...core.tuning.records import Target
from ...functions.tuner import function as function_config
from ...functions.tuner.function import Configuration, settings_sha256
from ...functions.tuner.tunable import (
    check_kind,
    check_reported,
    check_reserved,
    refuse_other_code,
    refuse_weighted,
    remarks,
    target_of,
    usable,
)
from ..executions import states_of
from ..session import Cloud, why_not_here
from .exposure import (
    callers_of_latest,
    calling_notes,
    exposure_note,
    large_enough,
    memory_used_mb,
)

_MISSING = {"InvalidArn", "StateMachineDoesNotExist", "ValidationException"}


@dataclass(frozen=True)
class Tuner:
    """A state machine that tunes; `bucket` is "" for a foreign one."""

    state_machine_arn: str
    ours: bool
    bucket: str


def find_tuner(cloud: Cloud, state_machine_arn: str) -> Tuner:
    """What kind of tuner a state machine is; NotFoundError when there is none."""
    try:
        answer = states_of(cloud, state_machine_arn).describe_state_machine(
            stateMachineArn=state_machine_arn
        )
    except ClientError as exc:
        if exc.response["Error"]["Code"] not in _MISSING:
            raise
        raise NotFoundError(
            f"there is no state machine {state_machine_arn}; check its ARN, region and account"
        ) from exc
    definition = json.loads(answer["definition"])
    if not str(definition.get("Comment", "")).startswith("lambdatuning"):
        return Tuner(state_machine_arn, ours=False, bucket="")
    control = definition["States"]["Prepare"]["Arguments"]["FunctionName"]
    client = cloud.client("lambda", region=region_of(control) or None)
    config = client.get_function_configuration(FunctionName=control)
    bucket = config["Environment"]["Variables"]["SAMPLES_BUCKET"]
    return Tuner(state_machine_arn, ours=True, bucket=bucket)


# How many sizes can be measured side by side, and what should be known before a run begins.


@dataclass(frozen=True)
class Quotas:
    """The function's reserved concurrency, else what the account has unreserved; None where there
    is none or it may not be read."""

    reserved: int | None
    free: int | None

    def fitting_environments(self, environments: int) -> int:
        """The most environments a size, up to so many, that leave headroom for traffic."""
        if self.reserved is not None:
            return max(1, min(environments, usable(self.reserved)))
        return (
            environments if self.free is None else max(1, min(environments, usable(self.free) - 1))
        )


def read_quotas(cloud: Cloud, target: Target, *, isolated: bool = False) -> Quotas:
    """The quotas that hold for a function; a copy shares nothing of the function's."""
    client = cloud.client("lambda", region=target.region)
    if not isolated:
        answer = _answer(lambda: client.get_function_concurrency(FunctionName=target.arn))
        reserved = (answer or {}).get("ReservedConcurrentExecutions")
        if reserved is not None:
            return Quotas(int(reserved), None)
    answer = _answer(client.get_account_settings)
    if answer is None:
        return Quotas(None, None)
    return Quotas(None, int(answer["AccountLimit"]["UnreservedConcurrentExecutions"]))


@dataclass(frozen=True)
class ConcurrencyLimits:
    """Sizes at once, the cores that each has there (None: no host is shared), and remarks that are
    told with the price."""

    sizes: int
    cores: float | None
    notes: tuple[str, ...]


def concurrency_limits(
    cloud: Cloud, target: Target, quotas: Quotas, environments: int, sizes_mb: Sequence[int] = ()
) -> ConcurrencyLimits:
    """What quotas leave for a function with so many environments a size; UsageError for too little.

    The tuner sees to the function's own concurrency as well; here it is said before anything
    starts, as are sizes beyond the cores of an embedded AWS. Quotas that may not be read bound
    nothing. Half of what there is stays for the function's own traffic, or for other functions.
    """
    most = _most_sizes(cloud)
    reserved, free = quotas.reserved, quotas.free
    sizes = most
    if reserved is not None:
        check_reserved(target.name, reserved, environments, "pass --environments")
        sizes = min(most, usable(reserved) // environments)
    elif free is not None:
        _check_free(free, environments)
        sizes = min(most, usable(free) // (environments + 1))
    notes = remarks(target, sizes if reserved is not None else most, most)
    if reserved is not None:
        notes.append(
            f"{reserved - sizes * environments} of its {reserved} reserved concurrent executions "
            "stay for its own traffic"
        )
    elif sizes < most:
        notes.append(
            f"{free} unreserved concurrent executions, of which half stay for other functions, let "
            f"{sizes} instead of {most} sizes be measured at once: the run takes longer"
        )
    beyond = cloud.endpoint.beyond_note(sizes_mb)
    notes += [beyond] if beyond else []
    shared = cloud.endpoint.measuring_cores
    return ConcurrencyLimits(sizes, None if shared is None else shared / sizes, tuple(notes))


def _most_sizes(cloud: Cloud) -> int:
    """Sizes side by side: as AWS allows, on one host as its cores allow."""
    cores = cloud.endpoint.cores
    return DEFAULT_PARALLEL_SIZES if cores is None else max(1, cores // 2)


def _check_free(free: int, environments: int) -> None:
    """Each size needs its environments, and a function of the tuner that invokes them."""
    if usable(free) > environments:
        return
    fewer = f"pass --environments {usable(free) - 1}, or " if usable(free) > 1 else ""
    raise UsageError(
        f"this account may run {free} functions at once, of which half stay for others: too few "
        f"for {environments} environments and the tuner: {fewer}ask Service Quotas for more "
        "(L-B99A9384)"
    )


def _answer(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except ClientError as exc:
        if "AccessDenied" in exc.response["Error"]["Code"]:
            return None
        raise


AWS_ENVIRONMENTS = 5
"""Execution environments a size: the fewest at which intervals hold what they state."""


@dataclass(frozen=True)
class TuneRequest:
    """What the user asks for; `table` is where seed items go, `earlier` what earlier runs say, and
    `cold` how many cold starts are measured on purpose at each size. `price_book` is the text of a
    price book, "" for the packaged one. `explore` is "grid" or "adaptive"; an adaptive run is ended
    by `max_usd`, its whole bill, and by `max_seconds`. `named_sizes` says whether the user named
    `sizes`, `with_today` whether today's size is measured beside them, `isolated` whether a copy is
    tuned. `labels` and `code` are stored with the run. "" for `run_id` lets one be made."""

    function: str
    state_machine_arn: str
    payloads: tuple[PayloadType, ...]
    sizes: tuple[int, ...] = DEFAULT_POWERS
    num: int = 10
    strategy: str = KIT_STRATEGY
    weight: float = 0.5
    worth: Worth = WORTH
    auto_optimize: bool = False
    alias: str | None = None
    min_sure: float = 0.0
    seed: int | None = None
    environments: int | None = None
    cold: int = 0
    allowed_errors: tuple[str, ...] = ()
    table: str = ""
    price_book: str = ""
    earlier: EarlierRuns = field(default_factory=EarlierRuns)
    explore: str = EXPLORATIONS[0]
    max_usd: float | None = None
    max_seconds: float | None = None
    regret: float | None = None
    for_compare: bool = False
    run_id: str = ""
    named_sizes: bool = True
    with_today: bool = True
    isolated: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    code: Code = NO_CODE

    @property
    def adaptive(self) -> bool:
        """Whether each step is chosen by what was measured before it."""
        return self.explore == "adaptive"


@dataclass(frozen=True)
class TunePlan:
    """A run that can be started: its input, its price, and the function as it is now (`target`).

    `arn` may name a version or an alias. `grid` is the estimate of the grid of this `workload`,
    which is that of the run unless it is adaptive. `notes` are what should be known before, such as
    a quota that makes the run slow. `original` names the function whose copy is tuned.
    """

    request: TuneRequest
    run_id: str
    tuner: Tuner
    arn: FunctionArn
    target: Target
    workload: Workload
    estimate: Estimate
    input: Mapping[str, Any]
    prices: PriceBook
    grid: Estimate
    notes: tuple[str, ...] = ()
    original: str = ""

    @property
    def function(self) -> str:
        """Under which name the run is stored: of the original where a copy is tuned."""
        return self.original or self.arn.name

    @property
    def memory_mb(self) -> int:
        """The function's memory size before the run."""
        return self.target.memory_mb

    @property
    def environments(self) -> int:
        """Execution environments over which the samples of a size are spread."""
        return self.workload.environments

    @property
    def seed(self) -> int:
        """What order and placeholders are drawn from."""
        return int(self.input["seed"])

    @property
    def sizes_at_once(self) -> int:
        """How many sizes are measured side by side."""
        return int(self.input["parallelSizes"])

    @property
    def seeds(self) -> int:
        """How many items a payload type may use up."""
        apart = self.environments + self.request.cold
        return seeds_needed(self.request.num, len(self.request.sizes), apart)


def plan_tune(cloud: Cloud, request: TuneRequest, now: datetime) -> TunePlan:
    """Check the request against the function and the tuner; UsageError or NotFoundError if bad."""
    function = _function(cloud, request)
    tuner = find_tuner(cloud, request.state_machine_arn)
    _check(cloud, request, function)
    request = _with_today(request, function.target.today_mb)
    quotas = read_quotas(cloud, function.target, isolated=request.isolated)
    usual = default_environments(cloud)
    environments = request.environments or quotas.fitting_environments(usual)
    request, left_out, fit_memory = _large_enough(cloud, request, function, now)
    prices = price_book_of(request.price_book)
    workload = _workload(request, function.target, environments)
    tariff = Tariff(prices, function.target.region, function.target.architecture)
    grid = estimate_run(tariff, workload, request.earlier, _overhead(cloud))
    estimate = _expected(request, tariff, grid)
    run_id = request.run_id or f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    limits = concurrency_limits(
        cloud, function.target, quotas, environments if tuner.ours else 1, request.sizes
    )
    run_input = _input(cloud, request, function.arn, environments, run_id, limits)
    money = money_of(prices.region(function.target.region).currency)
    run_input |= _exploration(request, tuner, estimate, money) | {"fitMemory": fit_memory}
    # Payload types were checked where they were read, and lie beside the input when it is sent.
    parse_input({**run_input, "payloadTypes": None, "payloadTypesS3": "s3://bucket/key"})
    if fit_memory and not tuner.ours:
        left_out = ""  # it measures every size
    notes = (*limits.notes, left_out, *_notes(cloud, request, function, tuner, environments))
    return TunePlan(
        request=request,
        run_id=run_id,
        tuner=tuner,
        arn=function.arn,
        target=function.target,
        workload=workload,
        estimate=estimate,
        input=run_input,
        prices=prices,
        grid=grid,
        notes=tuple(filter(None, notes)),
    )


def _check(cloud: Cloud, request: TuneRequest, function: "_Function") -> None:
    """UsageError for a function, or an alias of it, that cannot be tuned as it is asked."""
    _require_seedable(request)
    if request.auto_optimize:
        client, name = cloud.client("lambda", region=function.arn.region), function.arn.unqualified
        _answer(lambda: refuse_weighted(client, str(name), request.alias))
    check_kind(function.config)
    if not request.isolated:
        check_reported(function.config)


def _released(cloud: Cloud, request: TuneRequest, function: "_Function") -> str:
    """What else than a memory size an alias gets that is set to the answer; "" for nothing."""
    if not request.auto_optimize or not request.alias or request.isolated:
        return ""
    client, name = cloud.client("lambda", region=function.arn.region), function.arn.unqualified
    try:
        serving = function_config.read(client, str(name), request.alias)
    except (NotFoundError, ClientError):
        return ""
    target = function.target
    other = "code" if serving["CodeSha256"] != target.code_sha256 else "settings"
    if other == "settings" and settings_sha256(serving) == target.settings_sha256:
        return ""
    return (
        f'the alias "{request.alias}" serves other {other} (version {serving["Version"]}) than '
        "$LATEST: set to the answer, it serves what lies in $LATEST"
    )


def _notes(
    cloud: Cloud, request: TuneRequest, function: "_Function", tuner: Tuner, environments: int
) -> Iterator[str]:
    """What should be known of the function before a run; "" for what need not be."""
    yield from calling_notes(cloud.client("lambda", region=function.arn.region), function.arn)
    yield _exposed(cloud, request, function, environments)
    yield function.differs
    yield _released(cloud, request, function)
    if not tuner.ours:
        yield strategy_note(request.strategy)


def _workload(request: TuneRequest, target: Target, environments: int) -> Workload:
    return Workload(
        sizes=request.sizes,
        counts={payload.name: request.num for payload in request.payloads},
        environments=environments,
        cold=request.cold,
        timeout_s=float(target.timeout_s),
        snapshots=target.snapstart and target.pays_for_restores,
    )


def _overhead(cloud: Cloud) -> Overhead:
    """What the tuner itself is assumed to take."""
    return EMBEDDED if cloud.embedded else ON_AWS


def _with_today(request: TuneRequest, memory_mb: int) -> TuneRequest:
    """The request with today's size among its own: what is answered is compared with it."""
    if not request.with_today or memory_mb in request.sizes:
        return request
    return replace(request, sizes=tuple(sorted({*request.sizes, memory_mb})))


def strategy_note(strategy: str) -> str:
    """What a foreign tuner does with a strategy that it does not know; "" for one that it knows."""
    if strategy in STRATEGIES:
        return ""
    return (
        f'AWS Lambda Power Tuning does not know strategy "{strategy}": it names the cheapest size'
    )


def _large_enough(
    cloud: Cloud, request: TuneRequest, function: "_Function", now: datetime
) -> tuple[TuneRequest, str, bool]:
    """The request without sizes that are too small for what the function uses, unless they were
    named; and whether the tuner must see to that, since nothing is known of it yet."""
    if request.named_sizes:
        return request, "", False
    used_mb = memory_used_mb(cloud, function.target, now)
    sizes, note = large_enough(request.sizes, used_mb, function.target.memory_mb)
    return replace(request, sizes=sizes), note, used_mb is None


def _exposed(cloud: Cloud, request: TuneRequest, function: "_Function", environments: int) -> str:
    """What callers of the function meet; "" for those of a function whose copy is tuned."""
    if request.isolated:
        return ""
    changed = [size for size in request.sizes if size != function.target.memory_mb]
    rounds = 1 + math.ceil(request.cold / environments)
    seconds = len(changed) * rounds * _overhead(cloud).publish_ms / 1000
    client = cloud.client("lambda", region=function.arn.region)
    return exposure_note(function.arn, callers_of_latest(client, function.arn), seconds)


def _expected(request: TuneRequest, tariff: Tariff, grid: Estimate) -> Estimate:
    if not request.adaptive:
        return grid
    return estimate_adaptive(tariff, grid, request.num, request.strategy)


def _exploration(
    request: TuneRequest, tuner: Tuner, expected: Estimate, money: Money
) -> dict[str, Any]:
    """The inputs of an adaptive run; of its whole bill the tuner's own share is left out."""
    if not request.adaptive:
        if request.max_seconds is not None:
            raise UsageError("a limit of time ends an adaptive run: give --explore adaptive, too")
        if request.regret is not None:
            raise UsageError("a regret ends an adaptive run: give --explore adaptive, too")
        return {}
    if not tuner.ours:
        raise UsageError("AWS Lambda Power Tuning measures a grid only; give --explore grid")
    own_usd = expected.tuner_usd + expected.transitions_usd
    if request.max_usd is not None and request.max_usd <= own_usd:
        raise DeclinedError(
            f"the tuner itself is estimated at {money(own_usd)}, so that a limit of "
            f"{money(request.max_usd)} leaves nothing to measure for: allow more"
        )
    return {
        "exploration": request.explore,
        "maxUsd": None if request.max_usd is None else request.max_usd - own_usd,
        "maxSeconds": request.max_seconds,
        "regret": request.regret,
        **({"forCompare": True} if request.for_compare else {}),
    }


def default_environments(cloud: Cloud) -> int:
    """Five on AWS. The embedded AWS has one host: one more than its cores keeps all of it busy,
    and more would only wait for CPU."""
    cores = cloud.endpoint.cores
    return AWS_ENVIRONMENTS if cores is None else min(AWS_ENVIRONMENTS, cores + 1)


def named_function(cloud: Cloud, name: str) -> FunctionArn:
    """The function that a user means in this session."""
    return resolve_function(
        name, region=cloud.region, account_id=cloud.account_id, partition=cloud.partition
    )


@dataclass(frozen=True)
class _Function:
    """The function that is named: `$LATEST`, from which sizes are published, as Lambda describes
    it, what of that a run goes by, and in what the version or alias that was named differs."""

    arn: FunctionArn
    config: Configuration
    target: Target
    differs: str = ""


def _function(cloud: Cloud, request: TuneRequest) -> _Function:
    """The function by name or ARN, with or without a qualifier; of one that is isolated, the very
    version that is named is copied."""
    arn = named_function(cloud, request.function)
    require_account(arn, cloud.account_id)
    client = cloud.client("lambda", region=arn.region)
    copied = arn.qualifier if request.isolated else None
    config = function_config.read(client, str(arn.unqualified), copied)
    if why := why_not_here(cloud, config):
        raise UsageError(f"{arn.name} cannot be tuned here: {why}")
    target = target_of(arn, config)
    if not arn.qualifier or copied:
        return _Function(arn, config, target)
    named = function_config.read(client, str(arn.unqualified), arn.qualifier)
    refuse_other_code(arn, named, config)
    same = settings_sha256(named) == target.settings_sha256
    differs = "" if same else (
        f"{arn.name}:{arn.qualifier} has other settings (variables, timeout or the like) than "
        "$LATEST, with whose settings sizes are measured"
    )  # fmt: skip
    return _Function(arn, config, replace(target, named_mb=named["MemorySize"]), differs)


def _require_seedable(request: TuneRequest) -> None:
    if request.table:
        return
    seeded = [payload.name for payload in request.payloads if payload.seed]
    if seeded:
        raise UsageError(f'payload type "{seeded[0]}" needs items in a table; name it with --table')
    named = [payload.name for payload in request.payloads if payload.names_table]
    if named:
        raise UsageError(
            f'payload type "{named[0]}" has the placeholder {{{{table}}}}: name it with --table'
        )


def _input(
    cloud: Cloud,
    request: TuneRequest,
    arn: FunctionArn,
    environments: int,
    run_id: str,
    limits: ConcurrencyLimits,
) -> dict[str, Any]:
    return {
        "lambdaARN": str(arn),
        "num": request.num,
        "powerValues": list(request.sizes),
        "payloadTypes": [payload.to_json() for payload in request.payloads],
        "strategy": request.strategy,
        "balancedWeight": request.weight,
        "autoOptimize": request.auto_optimize,
        "autoOptimizeAlias": request.alias,
        **({"minSure": request.min_sure} if request.auto_optimize and request.min_sure else {}),
        "allowedExceptions": list(request.allowed_errors),
        "runId": run_id,
        "seed": zlib.crc32(run_id.encode()) if request.seed is None else request.seed,
        "environments": environments,
        "cold": request.cold,
        "parallelSizes": limits.sizes,
        "sharedCores": limits.cores,
        "table": request.table,
        "about": {"endpoint": cloud.endpoint.to_json()},
        "rule": "means",
        **_worth(request),
    }


def _worth(request: TuneRequest) -> dict[str, float]:
    """What only strategy "value" reads."""
    if request.strategy != "value":
        return {}
    worth = request.worth
    return {"speedWorth": worth.speed_worth, "costTolerance": worth.cost_tolerance}
