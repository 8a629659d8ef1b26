"""The execution input of AWS Lambda Power Tuning, and what we add to it, read and checked.

Every rule raises UsageError with the name of the input and what it may be.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import validation
from ..address import parse_s3_path
from ..arn import FunctionArn, parse_function_arn
from ..errors import UsageError, closest
from ..sizes import DEFAULT_POWERS, parse_sizes
from ..strategies import (
    DEFAULT_STRATEGY,
    DEFAULT_WEIGHT,
    MAX_SPEED_WORTH,
    RUN_STRATEGIES,
    STRATEGIES,
    WORTH,
    check_strategy,
    clamp_weight,
)
from .payloads import PayloadType, payload_type, shares, unique, weighted_mix
from .plan import MAX_COLD, MAX_ENVIRONMENTS

# How each field of an execution input is read: `rule(name, value)` gives it or refuses it.


MAX_TRIM = 0.4

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def sizes(name: str, value: Any) -> tuple[int, ...]:
    """Memory sizes in MB; the default ones for an empty list."""
    if value in ([], (), ""):
        return DEFAULT_POWERS
    try:
        return parse_sizes(value)
    except UsageError as exc:
        raise UsageError(f'input "{name}": {exc}') from exc


def number(name: str, value: Any) -> float:
    """A finite number, or a string of one."""
    return validation.number(f'input "{name}"', value)


def whole(low: int, high: float = math.inf) -> Callable[[str, Any], int]:
    """The rule for a whole number within limits."""
    return lambda name, value: validation.whole_number(f'input "{name}"', value, low, high)


def above_zero(name: str, value: Any) -> float:
    """A number above 0."""
    converted = number(name, value)
    if converted <= 0:
        raise UsageError(f'input "{name}" must be above 0; not {value!r}')
    return converted


def one_of(words: Sequence[str]) -> Callable[[str, Any], str]:
    """The rule for one of a few words."""

    def rule(name: str, value: Any) -> str:
        if value not in words:
            raise UsageError(f'input "{name}" is {value!r}; {closest(str(value), words)}')
        return str(value)

    return rule


def flag(name: str, value: Any) -> bool:
    """A boolean, or "true" or "false", or 1 or 0."""
    if value in (0, 1):  # False and True too
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise UsageError(f'input "{name}" must be true or false; not {value!r}')


def text(name: str, value: Any) -> str | None:
    """A string; None for an empty one."""
    if isinstance(value, str):
        return value or None
    raise UsageError(f'input "{name}" must be a string; not {value!r}')


def arn(name: str, value: Any) -> FunctionArn | None:
    """A function's ARN; None for an empty string."""
    if value == "":
        return None
    try:
        return parse_function_arn(value)
    except UsageError as exc:
        raise UsageError(f'input "{name}": {exc}') from exc


def s3_path(name: str, value: Any) -> str | None:
    """An `s3://BUCKET/KEY`, checked and as it was given; None for an empty string."""
    if value == "":
        return None
    try:
        parse_s3_path(value)
    except UsageError as exc:
        raise UsageError(f'input "{name}": {exc}') from exc
    return str(value)


def strategy(_: str, value: Any) -> str:
    """A known strategy, the contract's or ours; the contract's default for an empty string."""
    return check_strategy(value or DEFAULT_STRATEGY, RUN_STRATEGIES)


def weight(name: str, value: Any) -> float:
    """The weight of cost, clamped to 0..1."""
    return clamp_weight(number(name, value))


def not_negative(name: str, value: Any) -> float:
    """A number, 0 or more."""
    return validation.number(f'input "{name}"', value, 0)


def speed_worth(name: str, value: Any) -> float:
    """A number from 0 to 50."""
    return validation.number(f'input "{name}"', value, 0, MAX_SPEED_WORTH)


def share(name: str, value: Any) -> float:
    """A number from 0 to 1."""
    return validation.number(f'input "{name}"', value, 0, 1)


def trim(name: str, value: Any) -> float:
    """The share trimmed at each end, clamped to 0..0.4."""
    return min(max(number(name, value), 0.0), MAX_TRIM)


def names(name: str, value: Any) -> tuple[str, ...]:
    """A list of strings."""
    if isinstance(value, list | tuple) and all(isinstance(entry, str) for entry in value):
        return tuple(value)
    raise UsageError(f'input "{name}" must be a list of error types; not {value!r}')


def types(name: str, value: Any) -> tuple[PayloadType, ...]:
    """Payload types, each checked, no name twice."""
    if not isinstance(value, list | tuple):
        raise UsageError(f'input "{name}" must be a list of payload types; not {value!r}')
    if not value:
        return ()
    return unique(
        payload_type(entry, f'input "{name}"[{i}] {{}}'.format) for i, entry in enumerate(value)
    )


LOCK_ALIAS = "lambdatuning-lock"
"""The alias by which a run holds a function."""

_ALIAS = re.compile(r"(?![0-9]+$)[A-Za-z0-9_-]{1,128}")


def alias(name: str, value: Any) -> str | None:
    """The name of an alias as Lambda takes it; None for an empty one."""
    chosen = text(name, value)
    if chosen == LOCK_ALIAS:
        raise UsageError(f'input "{name}": {LOCK_ALIAS} is the lock of runs; name another alias')
    if chosen is None or _ALIAS.fullmatch(chosen):
        return chosen
    raise UsageError(
        f'input "{name}" must be the name of an alias, 1 to 128 of letters, digits, "_", "-", not '
        f"digits alone; not {value!r}"
    )


def run_id(name: str, value: Any) -> str:
    """A name that can be part of an S3 key and of an alias."""
    if isinstance(value, str) and _RUN_ID.fullmatch(value):
        return value
    raise UsageError(
        f'input "{name}" must be 1 to 80 of letters, digits, ".", "_", "-"; not {value!r}'
    )


def anything(_: str, value: Any) -> Any:
    """Whatever JSON holds."""
    return value


EXPLORATIONS = ("grid", "adaptive")

RULES = ("contract", "means")
"""What chooses the winner: Power Tuning's trimmed means, or plain means (see `core.decision`)."""

MIN_NUM = 5
"""Fewest invocations a size in Power Tuning's contract, where 20 % is trimmed at each end."""

DEFAULT_TRIM = 0.2
DEFAULT_ENVIRONMENTS = 5
DEFAULT_PARALLEL_SIZES = 10
MAX_PARALLEL_SIZES = 40
"""A Map state runs no more iterations side by side."""


@dataclass(frozen=True)
class TuningInput:
    """A validated execution input. Names and defaults are Power Tuning's, in snake_case.

    Ours are: `run_id` (None: the tuner makes one), `seed` of order and placeholders (None: drawn
    and recorded), `environments` over which a size's samples are spread,
    `parallel_sizes` that are measured side by side, `shared_cores` that the environments of a size
    have together (None: each its own, as on AWS), `cold` starts that are measured on purpose at
    each size, `payload_types` (kept apart in the samples) or
    `payload_types_s3`, where they lie, the `table` that their `{{table}}` stands for,
    `price_book`, the S3 path of one that replaces the packaged one, and `about`, facts of the
    client that go into the manifest as they are. `exploration` is "grid" (every size, `num` times)
    or "adaptive" (after every step what tells most for its price, never more in all than the grid),
    which may be ended, sure or not, by `max_usd`, the price of its invocations, or `max_seconds`,
    and ends where its answer is expected to be worse than the best by `regret` (a share) at most;
    with `for_compare` not before today's size and the answer were measured in 3 environments.
    `fit_memory` leaves out sizes that are smaller than the memory that the function uses; it is the
    default where `power_values` are not named.
    `min_sure` is how sure (a share) an answer has to be for `auto_optimize` to set it; by default
    it is set whatever its certainty, as Power Tuning does.
    `rule` chooses the winner: "contract" as Power Tuning does, "means" as our own client asks;
    strategy "value", with its `speed_worth` and `cost_tolerance` (see `core.strategies.Worth`), is
    ours, and always means "means".
    """

    lambda_arn: FunctionArn
    num: int
    power_values: tuple[int, ...] = DEFAULT_POWERS
    payload: Any = None
    payload_s3: str | None = None
    parallel_invocation: bool = False
    strategy: str = DEFAULT_STRATEGY
    balanced_weight: float = DEFAULT_WEIGHT
    auto_optimize: bool = False
    auto_optimize_alias: str | None = None
    min_sure: float = 0.0
    dry_run: bool = False
    pre_processor_arn: FunctionArn | None = None
    post_processor_arn: FunctionArn | None = None
    discard_top_bottom: float = DEFAULT_TRIM
    sleep_between_runs_ms: int = 0
    disable_payload_logs: bool = False
    include_output_results: bool = False
    only_cold_starts: bool = False
    allowed_exceptions: tuple[str, ...] = ()
    run_id: str | None = None
    seed: int | None = None
    environments: int = DEFAULT_ENVIRONMENTS
    parallel_sizes: int = DEFAULT_PARALLEL_SIZES
    shared_cores: float | None = None
    cold: int = 0
    payload_types: tuple[PayloadType, ...] = ()
    payload_types_s3: str | None = None
    price_book: str | None = None
    table: str | None = None
    about: Any = None
    exploration: str = EXPLORATIONS[0]
    max_usd: float | None = None
    max_seconds: float | None = None
    regret: float | None = None
    for_compare: bool = False
    rule: str = RULES[0]
    fit_memory: bool = False
    speed_worth: float = WORTH.speed_worth
    cost_tolerance: float = WORTH.cost_tolerance

    @property
    def by_means(self) -> bool:
        """Whether plain means choose the winner: what the contract does not know, it cannot."""
        return self.adaptive or self.rule == "means" or self.strategy not in STRATEGIES

    @property
    def adaptive(self) -> bool:
        """Whether each step is chosen by what was measured before it."""
        return self.exploration == "adaptive"

    @property
    def invocations(self) -> int:
        """How often each size is invoked (each payload type, if there are some)."""
        return 1 if self.dry_run else self.num

    @property
    def trim(self) -> float:
        """The share trimmed at each end of Power Tuning's averages; none of single cold starts."""
        return 0.0 if self.only_cold_starts else self.discard_top_bottom


def parse_input(value: Any) -> TuningInput:
    """The input of an execution; UsageError says which field is wrong and what it may be.

    As in Power Tuning, numbers may be strings, `powerValues` may be "ALL" or empty (the default),
    the weight and the trim are clamped, null means the default, and `payloadS3` wins over
    `payload`. Unlike it, unknown names are refused, and `num` may be below 5 where payload types
    are ours (nothing is trimmed there).
    """
    if not isinstance(value, Mapping):
        raise UsageError('the execution input must be a JSON object with "lambdaARN" and "num"')
    for name in value:
        if name not in INPUTS:
            raise UsageError(f'unknown input "{name}"; {closest(str(name), INPUTS)}')
    inputs = {
        name: entry for name, entry in value.items() if entry is not None or name == "payload"
    }
    for name in ("lambdaARN", "num"):
        if inputs.get(name) in (None, ""):
            raise UsageError(f'input "{name}" is missing; add it')
    read = {INPUTS[name][0]: INPUTS[name][1](name, entry) for name, entry in inputs.items()}
    read.setdefault("fit_memory", inputs.get("powerValues") in (None, "", [], ()))
    return _consistent(TuningInput(**read))


def check_exploration(name: object) -> str:
    """The name of a known exploration; UsageError with the closest for any other."""
    if name not in EXPLORATIONS:
        raise UsageError(f'unknown exploration "{name}"; {closest(str(name), EXPLORATIONS)}')
    return str(name)


def _consistent(parsed: TuningInput) -> TuningInput:
    if parsed.payload_types and parsed.payload_types_s3:
        raise UsageError('give "payloadTypes" or "payloadTypesS3", not both')
    ours = bool(parsed.payload_types or parsed.payload_types_s3)
    if ours and (parsed.payload is not None or parsed.payload_s3):
        raise UsageError('give "payload" (or "payloadS3") or payload types, not both')
    if not ours and parsed.num < MIN_NUM:
        raise UsageError(f'input "num" is {parsed.num}; it must be {MIN_NUM} or more')
    _refuse_beside_exploring(parsed)
    mix = () if ours or parsed.payload_s3 or parsed.dry_run else weighted_mix(parsed.payload)
    if mix:
        shares([entry.weight for entry in mix], parsed.num)
    return parsed


def _refuse_beside_exploring(parsed: TuningInput) -> None:
    """An adaptive run measures warm invocations; limits are for what can end early."""
    ends = {
        "maxUsd": parsed.max_usd,
        "maxSeconds": parsed.max_seconds,
        "regret": parsed.regret,
        "forCompare": parsed.for_compare or None,
    }
    fixed = {
        "dryRun": parsed.dry_run,
        "onlyColdStarts": parsed.only_cold_starts,
        "parallelInvocation": parsed.parallel_invocation,
        "cold": parsed.cold,
    }
    for name, value in fixed.items() if parsed.adaptive else ():
        if value:
            raise UsageError(f'"{name}" needs "exploration": "grid"; leave one of them out')
    for name, limit in ends.items() if not parsed.adaptive else ():
        if limit is not None:
            raise UsageError(f'"{name}" ends an adaptive run: give "exploration": "adaptive", too')


INPUTS: Mapping[str, tuple[str, Callable[[str, Any], Any]]] = {
    "lambdaARN": ("lambda_arn", arn),
    "num": ("num", whole(1)),
    "powerValues": ("power_values", sizes),
    "payload": ("payload", anything),
    "payloadS3": ("payload_s3", s3_path),
    "parallelInvocation": ("parallel_invocation", flag),
    "strategy": ("strategy", strategy),
    "balancedWeight": ("balanced_weight", weight),
    "autoOptimize": ("auto_optimize", flag),
    "autoOptimizeAlias": ("auto_optimize_alias", alias),
    "minSure": ("min_sure", share),
    "dryRun": ("dry_run", flag),
    "preProcessorARN": ("pre_processor_arn", arn),
    "postProcessorARN": ("post_processor_arn", arn),
    "discardTopBottom": ("discard_top_bottom", trim),
    "sleepBetweenRunsMs": ("sleep_between_runs_ms", whole(0)),
    "disablePayloadLogs": ("disable_payload_logs", flag),
    "includeOutputResults": ("include_output_results", flag),
    "onlyColdStarts": ("only_cold_starts", flag),
    "allowedExceptions": ("allowed_exceptions", names),
    "runId": ("run_id", run_id),
    "seed": ("seed", whole(0)),
    "environments": ("environments", whole(1, MAX_ENVIRONMENTS)),
    "parallelSizes": ("parallel_sizes", whole(1, MAX_PARALLEL_SIZES)),
    "sharedCores": ("shared_cores", above_zero),
    "cold": ("cold", whole(0, MAX_COLD)),
    "payloadTypes": ("payload_types", types),
    "payloadTypesS3": ("payload_types_s3", s3_path),
    "priceBook": ("price_book", s3_path),
    "table": ("table", text),
    "about": ("about", anything),
    "exploration": ("exploration", one_of(EXPLORATIONS)),
    "maxUsd": ("max_usd", above_zero),
    "maxSeconds": ("max_seconds", above_zero),
    "regret": ("regret", above_zero),
    "forCompare": ("for_compare", flag),
    "rule": ("rule", one_of(RULES)),
    "fitMemory": ("fit_memory", flag),
    "speedWorth": ("speed_worth", speed_worth),
    "costTolerance": ("cost_tolerance", not_negative),
}
"""Every input by its name in the execution input, with the field and the rule that reads it."""
