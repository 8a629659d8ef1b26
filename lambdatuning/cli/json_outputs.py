"""What each command prints with `--json`, as types: `lambdatuning schema` is made of them.

Fields may be added; one that goes or changes its meaning raises the number `schema` beside it.
Numbers that cannot be known are null.
"""

from typing import Any, NotRequired, TypedDict

from ..analysis.verdict import ChangeFinding
from ..cloud.stack.status import StackStatus
from ..core.finding import Finding


class Decision(TypedDict):
    """What to set; `sure` is a probability, `cost_ratio` and `speedup` are against `today_mb`."""

    memory_mb: int | None
    strategy: str
    sure: float | None
    today_mb: int | None
    cost_ratio: float | None
    speedup: float | None
    applied_mb: int | None


class Recommendation(TypedDict):
    """The best size of a payload type (or of the mix) by a strategy; `saving` is a share."""

    function: str
    architecture: str
    payload: str
    strategy: str
    memory_mb: int | None
    mean_ms: float | None
    cost_per_million_usd: float | None
    sure: float | None
    as_good_mb: list[int] | None
    current_mb: int | None
    saving: float | None
    speedup: float | None
    failing_mb: list[int]
    reason: str
    beyond_mb: list[int]
    untestable_mb: list[int]
    predicted: bool
    beyond_cores: bool


class Spending(TypedDict):
    """What was invoked, or would have been."""

    invocations: int
    gb_s: float
    usd: float


class Exploration(TypedDict):
    """Why an adaptive run stopped, and what the grid would have cost."""

    stopped: str | None
    reason: str | None
    spent: Spending | None
    grid: Spending | None


class HeadlineCard(TypedDict):
    """One of the three numbers: what it saves or costs, how much faster, how sure."""

    label: str
    value: str
    note: str


class Alternative(TypedDict):
    """The next best size: its cost over the answer's, and the answer's duration over its own."""

    memory_mb: int
    cost_ratio: float | None
    speedup: float | None


class Headline(TypedDict):
    """The answer of one function in figures and in words.

    `change_usd` is what `invocations` (those of a month if `monthly`, else a million) cost at
    `memory_mb`, less what they cost at `today_mb`. `p95_speedup` is null with fewer than 60
    invocations. `as_good_mb` cannot be told apart from `memory_mb`; `more` invocations would tell
    (0: not known, or not needed). `evidence` is how the size was seen: warm, cold, or "" if
    predicted. `by_value` is what strategy value would set where the cheapest was asked for.
    `withheld_below` is how sure it had to be to be set, where it was not set for that; else 0.
    `name` is what the function is called among several; `failing_types` fail at `today_mb` where
    others do not. `sure` is that no size is better by more than the share `tolerance`. `firm` says
    whether `sentence` tells what to do.
    """

    function: str
    strategy: str
    memory_mb: int | None
    today_mb: int | None
    cost_ratio: float | None
    change_usd: float | None
    invocations: float
    monthly: bool
    speedup: float | None
    p95_speedup: float | None
    sure: float | None
    reason: str
    as_good_mb: list[int]
    more: int
    alternative: Alternative | None
    failing_today: bool
    unmeasured_today: bool
    applied_mb: int | None
    evidence: str
    untestable_mb: list[int]
    by_value: Alternative | None
    withheld_below: float
    name: str
    failing_types: list[str]
    applied_alias: str
    tolerance: float
    sentence: str
    certainty: str
    firm: bool
    cards: list[HeadlineCard]


class SizeFigures(TypedDict):
    """One size: mean and cost that decide, with 95 % intervals (null: not known), of an invocation.

    `source` is samples, model (of an adaptive run) or predicted (no sample). `warm` and `cold`
    count successes, `sample_mean_ms` is the plain mean of those that are measured.
    """

    memory_mb: int
    source: str
    mean_ms: float
    low_ms: float | None
    high_ms: float | None
    cost_usd: float
    low_usd: float | None
    high_usd: float | None
    warm: int
    cold: int
    sample_mean_ms: float | None


class AnswerCurve(TypedDict):
    """The figures of a payload type, or of the mix of all."""

    function: str
    payload: str
    failing_mb: list[int]
    points: list[SizeFigures]


class ShownRun(TypedDict):
    """The answer of a run, the same for a grid and an adaptive run; `answer` is it in words."""

    schema: int
    run_id: str
    answer: str
    decision: Decision | None
    headlines: list[Headline]
    curves: list[AnswerCurve]
    checks: list[Finding]


class TunedRun(ShownRun):
    """A finished run and its answer; `exploration` is null for a grid."""

    function: str
    sizes: list[int]
    sizes_beyond_cores: list[int]
    recommendations: list[Recommendation]
    exploration: Exploration | None
    overhead: float | None
    wall_ms: float | None
    billed_ms_critical_path: float | None
    invocations: int | None
    billed_gb_s: float | None
    usd: float | None
    stored_in: str


class ListedRun(TypedDict):
    """A stored run; `power` is the size that it decided on (null where no decision is stored with
    it: `show` answers), `explored` "grid" or "adaptive"."""

    run_id: str
    kind: str | None
    function: str
    architecture: str | None
    region: str | None
    endpoint: str | None
    payloads: list[str]
    sizes: list[int]
    num: int | None
    explored: str
    invocations: int | None
    usd: float | None
    strategy: str | None
    power: int | None
    started_at: str | None
    url: str


class Verdict(TypedDict):
    """Whether a function got worse; `kind` is fine, better, worse or unknown."""

    schema: int
    source: str
    function: str
    kind: str
    reason: str
    findings: list[ChangeFinding]
    run_id: str
    baseline: list[str]
    architecture: str
    region: str
    started_at: str
    commit: str
    max_regression: float | None
    url: str
    exit_code: int


class Noise(TypedDict):
    """How much runs of the same code differ: a standard deviation, and its degrees of freedom."""

    sd: float
    degrees: float


class Change(TypedDict):
    """After over before less 1, with 95 % intervals; of a payload type over all sizes."""

    payload: str
    duration_change: float | None
    duration_low_change: float | None
    duration_high_change: float | None
    cost_change: float | None
    cost_low_change: float | None
    cost_high_change: float | None


class PayloadChange(Change):
    """The change of a payload type, and the size at which it costs least in both runs."""

    cheapest_before_mb: int | None
    cheapest_after_mb: int | None


class SizeChange(Change):
    """The same at one size, with both runs' means."""

    memory_mb: int
    before_ms: float | None
    after_ms: float | None
    before_per_million_usd: float | None
    after_per_million_usd: float | None
    beyond_cores: bool


class ComparedRuns(TypedDict):
    """Runs side by side."""

    answer: str
    verdict: Verdict
    regressions: list[Any]
    cannot_tell: bool
    max_regression: float
    same_code: Noise
    changes: list[PayloadChange]
    by_size: list[SizeChange]
    findings: list[Finding]


class HistoryRun(TypedDict):
    """One run of a history; levels are pooled shares of the first runs' (1.1 is 10 % more)."""

    run_id: str
    started_at: str
    duration_level: float | None
    p95_level: float | None
    cost_level: float | None
    init_ms: float | None
    failed_share: float | None
    max_memory_mb: float | None
    best_mb: int | float | None
    code: str
    usd: float | None
    labels: str
    change: str
    accepted: str


class HistoryCut(TypedDict):
    """The run before which a history is cut, and why."""

    run_id: str
    reason: str


class AcceptedLevel(TypedDict):
    """The first run of a level that was accepted, and why."""

    run_id: str
    why: str


class History(TypedDict):
    """All runs of a function over time; `spread` is a logarithm, `smallest_change` a share."""

    schema: int
    function: str
    architecture: str
    region: str
    verdict: Verdict
    suspect: bool
    changes: list[ChangeFinding]
    cuts: list[HistoryCut]
    apart: dict[str, int]
    accepted: list[AcceptedLevel]
    spread: float | None
    smallest_change: float | None
    taught_by_other_functions: bool
    runs: list[HistoryRun]
    limits: list[str]


class ListedExecution(TypedDict):
    """An execution of a tuner's state machine; `cause` is why it has no answer."""

    execution: str
    function: str | None
    status: str
    strategy: str | None
    power: int | None
    cost_usd: float | None
    duration_ms: float | None
    lambda_cost_usd: float | None
    started_at: str | None
    wall_ms: float | None
    cause: str
    visualization: str | None
    execution_arn: str


class CurvePoint(TypedDict):
    """One size of a published curve; `cost` is in `currency`."""

    run: str
    memory_mb: int
    duration_ms: float | None
    cost_usd: float | None
    cost: float | None
    currency: str


class ImportedLogs(TypedDict):
    """What exported logs held."""

    rows: int
    failed: int
    cold: int
    unread: int
    run_id: str


class RegionPrices(TypedDict):
    """Prices of a region; `borrowed` names those of us-east-1 that stand in."""

    region: str
    x86_64_usd_per_gb_s: float | None
    arm64_usd_per_gb_s: float | None
    requests_usd_per_million: float | None
    snapstart_usd_per_gb_restored: float | None
    transitions_usd_per_thousand: float | None
    currency: str
    borrowed: str


class Prices(TypedDict):
    """A price book; `changed` has what `--refresh` changed, by region."""

    version: str
    source: str
    path: str
    regions: list[RegionPrices]
    changed: NotRequired[dict[str, list[str]]]


class Removed(TypedDict):
    """What went with a stack."""

    stack: str
    resources: int
    objects: int
    notes: list[str]


class NightDone(TypedDict):
    """One night's work: its verdict, where its reports lie; `failed` says which were not made."""

    verdict: Verdict
    folder: str
    latest: str
    index: str
    failed: str


class ScheduleRemoved(TypedDict):
    """The stack of a schedule that is gone."""

    stack: str
    resources: int


class SettingValue(TypedDict):
    """A setting, and the file or variable that says so."""

    value: Any
    origin: str


class Config(TypedDict):
    """The settings that hold in a folder."""

    folder: str
    settings: dict[str, SettingValue]


OUTPUTS: dict[str, Any] = {
    "init": list[str],
    "config": Config,
    "doctor": list[Finding],
    "deploy": dict[str, str],
    "status": StackStatus | str,
    "destroy": Removed,
    "tune": TunedRun,
    "benchmark": TunedRun,
    "runs": list[ListedRun],
    "compare": ComparedRuns,
    "history": History,
    "report": list[str],
    "logs": ImportedLogs,
    "executions": list[ListedExecution],
    "show": ShownRun | list[CurvePoint],
    "prices": Prices,
    "schedule run": NightDone,
    "schedule deploy": dict[str, str],
    "schedule destroy": ScheduleRemoved,
    "clean": list[str],
    "schema": dict[str, Any],
}
"""By command, in the order of the help text: what it prints with `--json`."""
