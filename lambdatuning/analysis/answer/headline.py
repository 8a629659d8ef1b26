"""The headline of a run: what to set, what that changes against today, how sure it is."""

import math
from dataclasses import dataclass

import numpy as np

from ...core.decision import TOLERANCE
from ...core.format import (
    FAIRLY_SURE,
    NOTHING,
    SURE,
    Money,
    capitalised,
    format_count,
    format_faster,
    format_gain,
    format_mb,
    format_part,
    format_sure,
    join,
    join_mb,
    ratio,
    short_name,
)
from ...core.strategies import DEFAULT_STRATEGY, KIT_STRATEGY, REGISTRY
from ..curves import MIX, Curve
from ..data import StudyData
from ..frames import good
from ..options import best
from ..punctuality import mixed_quantile
from .recommendation import Recommendation, calls_to_be_sure, recommendation

_P95_SAMPLES = 60
"""So many invocations have three beyond their p95."""

_MILLION = 1e6
_FEW = 2
"""Payload types named in a sentence."""

_SAME = 0.005
"""A cost or a duration that differs by less is the same to a reader."""


@dataclass(frozen=True)
class Card:
    """One of the three numbers beside a headline: "saves", "45 %", "$3.10 a month"."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Alternative:
    """The next best size: its cost over the answer's, and the answer's duration over its own."""

    memory_mb: int
    cost_ratio: float
    speedup: float


@dataclass(frozen=True)
class Headline:
    """The answer of one function: that of the mix of payload types (or the only one) under the
    first strategy of a study.

    `memory_mb` is None where no size can be recommended, and `reason` says why. `cost_ratio` is
    the answer's cost over today's, `change_usd` its cost less today's, of `invocations` (those of
    a month where the volume is known, else a million). `speedup` is today's mean duration over the
    answer's, `p95_speedup` the same of the p95, NaN with fewer than 60 invocations at either size.
    All are NaN where today's size was not measured. `sure` is NaN where it is not known. The sizes
    `as_good_mb` cannot be told apart from the answer, and `more` invocations there would tell (0:
    not known, or not needed). `evidence` is "warm", "cold" (cold starts alone) or "" (predicted).
    `sure` is that no size is better by more than the share `tolerance`.
    `by_value` is what the kit's own strategy would set in place of the cheapest size, None where
    that is it. `withheld_below` is how sure it had to be to be set, where it was to be set and was
    not; else 0. `name` is what the function is called among those of the study, `failing_types`
    are the payload types that fail at today's size where others do not.
    """

    function: str
    strategy: str
    memory_mb: int | None
    today_mb: int | None
    cost_ratio: float
    change_usd: float
    invocations: float
    monthly: bool
    speedup: float
    p95_speedup: float
    sure: float
    reason: str
    as_good_mb: tuple[int, ...]
    more: int
    alternative: Alternative | None
    failing_today: bool
    unmeasured_today: bool
    applied_mb: int | None
    evidence: str
    untestable_mb: tuple[int, ...]
    money: Money
    by_value: Alternative | None = None
    withheld_below: float = 0.0
    name: str = ""
    failing_types: tuple[str, ...] = ()
    applied_alias: str = ""
    tolerance: float = TOLERANCE

    @property
    def firm(self) -> bool:
        """Whether it may be told what to do."""
        limited = self.strategy == "deadline" and self.reason
        measured = not self.unmeasured_today and self.evidence != "" and not limited
        return self.memory_mb is not None and measured and self.sure >= FAIRLY_SURE

    @property
    def is_guess(self) -> bool:
        """Whether it is worded as a guess: it is not firm, and nothing was done."""
        return not self.firm and self.applied_mb != self.memory_mb

    @property
    def keeps_today(self) -> bool:
        """Whether there is nothing to change."""
        return self.memory_mb is not None and self.memory_mb == self.today_mb

    @property
    def cards(self) -> tuple[Card, Card, Card]:
        """What it saves or costs, how much faster or slower it is, how sure that is."""
        return _money_card(self), _speed_card(self), _sure_card(self)

    @property
    def sentence(self) -> str:
        """What to set, and what that changes."""
        name = self.name or short_name(self.function)
        if self.memory_mb is None:
            return f"No size of {name} can be recommended: {self.reason}."
        return f"{_verdict(self, name)}{_changes(self)}."

    @property
    def certainty(self) -> str:
        """How sure it is, what cannot be told apart, and what is next best."""
        return _certainty(self)

    @property
    def beside(self) -> str:
        """What is next best, and what might be better on AWS; "" where that is not known."""
        return _sentence(_beside(self))

    def __str__(self) -> str:
        return " ".join(filter(None, (self.sentence, self.certainty)))


def headlines(data: StudyData) -> tuple[Headline, ...]:
    """One for each function (and architecture) of a study."""
    return tuple(headline(part) for part in data.parts)


def headline(data: StudyData) -> Headline:
    """The headline of a study of one function."""
    return data.once("headline", lambda: _headline(data))


def _headline(data: StudyData) -> Headline:
    strategy, curve, run = data.strategies[0], data.curve(), data.run
    advice = recommendation(data, curve, strategy) if curve else None
    today, size = data.today_mb, advice.memory_mb if advice else None
    volume = data.options.monthly_invocations
    cost_ratio = 1 - advice.saving if advice else math.nan
    invocations = volume or _MILLION
    # What is saved follows from what the answer costs, and from its ratio to today's cost.
    usd = advice.cost_per_million_usd / _MILLION if advice else math.nan
    change = usd - usd / cost_ratio if cost_ratio else math.nan
    unsure = advice is not None and not advice.sure >= SURE
    return Headline(
        function=run.function,
        strategy=strategy,
        memory_mb=size,
        today_mb=today,
        cost_ratio=cost_ratio,
        change_usd=change * invocations,
        invocations=invocations,
        monthly=bool(volume),
        speedup=advice.speedup if advice else math.nan,
        p95_speedup=_p95_speedup(data, curve, size, today) if curve else math.nan,
        sure=advice.sure if advice else math.nan,
        reason=advice.reason if advice else "no invocation succeeded",
        as_good_mb=(advice.as_good_mb or ()) if advice else (),
        more=_more(data, curve, advice) if curve and advice and unsure else 0,
        alternative=_alternative(data, curve, advice) if curve and advice else None,
        failing_today=bool(advice) and today in (advice.failing_mb if advice else ()),
        unmeasured_today=bool(advice and advice.today_unmeasured),
        applied_mb=run.decision.applied_mb if run.decision else None,
        evidence=_evidence(data, curve, size) if curve else "",
        untestable_mb=advice.untestable_mb if advice else (),
        money=data.money,
        by_value=_by_value(data, curve, advice) if curve and advice else None,
        withheld_below=_withheld_below(data, size),
        name=data.name,
        failing_types=_failing_types(data, today),
        applied_alias=str(run.manifest.input.get("autoOptimizeAlias") or ""),
        tolerance=data.options.tolerance,
    )


def _failing_types(data: StudyData, size: int | None) -> tuple[str, ...]:
    own = [curve for curve in data.curves if curve.payload != MIX]
    failing = tuple(curve.payload for curve in own if size in curve.failing_mb)
    return failing if len(failing) < len(own) else ()


def _withheld_below(data: StudyData, size: int | None) -> float:
    """How sure the run's own answer had to be to be set, where it was not; else 0."""
    least, decision = data.run.manifest.set_if_sure, data.run.decision
    if least is None or decision is None or decision.memory_mb != size:
        return 0.0
    return 0.0 if (decision.sure or 0.0) >= least else least


def _payloads(data: StudyData, curve: Curve) -> list[str]:
    """The payload types that a curve is of."""
    if curve.payload != MIX:
        return [curve.payload]
    return [name for name, weight in data.weights.items() if weight > 0]


def _p95_speedup(data: StudyData, curve: Curve, size: int | None, today: int | None) -> float:
    """Today's p95 over the answer's; NaN where the samples do not tell."""
    new, old = (_p95_ms(data, curve, memory_mb) for memory_mb in (size, today))
    return old / new if new else math.nan


def _p95_ms(data: StudyData, curve: Curve, size: int | None) -> float:
    rows = data.measured[data.measured["memory_mb"] == size]
    names = _payloads(data, curve)
    parts = [rows[rows["payload"] == name] for name in names]
    if sum(map(len, parts)) < _P95_SAMPLES or not all(map(len, parts)):
        return math.nan
    weights = np.array([data.weights.get(name, 0.0) or 1.0 for name in names])
    return mixed_quantile(parts, weights / weights.sum(), 0.95)


def _evidence(data: StudyData, curve: Curve, size: int | None) -> str:
    """How the answer's size was seen: each payload type warm, at least cold, or not at all."""
    rows = good(data.run.samples)
    rows = rows[rows["memory_mb"] == size]
    names = set(_payloads(data, curve)) & set(data.run.payloads)
    if names <= set(rows[~rows["cold"]]["payload"]):
        return "warm"
    return "cold" if names <= set(rows["payload"]) else ""


def _more(data: StudyData, curve: Curve, advice: Recommendation) -> int:
    """How many more invocations of the sizes that contend would make it sure."""
    contend = {advice.memory_mb, *(advice.as_good_mb or ())}
    rows = data.measured[data.measured["memory_mb"].isin(contend)]
    return calls_to_be_sure(curve, data.options.goal(advice.strategy), advice, len(rows), SURE)


def _by_value(data: StudyData, curve: Curve, advice: Recommendation) -> Alternative | None:
    """What the kit's own strategy sets where the cheapest size was asked for."""
    if advice.strategy != DEFAULT_STRATEGY or advice.memory_mb not in curve.sizes:
        return None
    other = recommendation(data, curve, KIT_STRATEGY).memory_mb
    if other in (None, advice.memory_mb) or other not in curve.sizes:
        return None
    return _against(curve, curve.sizes.index(advice.memory_mb), curve.sizes.index(other))


def _against(curve: Curve, chosen: int, other: int) -> Alternative:
    return Alternative(
        curve.sizes[other],
        ratio(curve.usd[other], curve.usd[chosen]),
        ratio(curve.ms[chosen], curve.ms[other]),
    )


def _alternative(data: StudyData, curve: Curve, advice: Recommendation) -> Alternative | None:
    """The second best size by the figures of the curve."""
    goal = data.options.goal(advice.strategy)
    if advice.memory_mb not in curve.sizes or goal.words.limit:
        return None
    chosen = curve.sizes.index(advice.memory_mb)
    values = goal.score(curve.ms, curve.usd)
    out = np.isin(curve.sizes, [*curve.beyond_mb, advice.memory_mb])
    if out.all():
        return None
    place = best(np.where(out, np.inf, values), curve.ms, curve.usd, curve.sizes)
    return _against(curve, chosen, place)


# In words.


def _verdict(head: Headline, name: str) -> str:
    size, words = format_mb(head.memory_mb or 0), REGISTRY[head.strategy]
    if head.applied_mb is not None and head.applied_mb == head.memory_mb:
        was = f", was {format_mb(head.today_mb)}" if head.today_mb else ""
        sure = "" if head.sure >= SURE else f" ({_share(head)})"
        if head.applied_alias:  # `$LATEST` keeps its size
            name, was = f"{name}:{head.applied_alias}", ""
        return f"Done: {name} is set to {format_mb(head.applied_mb)}{was}{sure}"
    if head.withheld_below:
        least = f"{head.withheld_below * 100:g} %"
        rest = _what_to_measure(head) if head.is_guess else _share(head)
        return f"Not set, as it is not {least} sure: {size} for {name}, {rest}"
    if head.is_guess:
        return f"Probably {size} for {name}, {_what_to_measure(head)}"
    sure = "" if head.sure >= SURE else f" ({format_sure(head.sure)} sure)"
    if head.keeps_today:
        return f"Keep {name} at {size}{sure}: no size measured is {words.better}"
    return f"Set {name} to {size}{sure}"


def _share(head: Headline) -> str:
    return "not sure" if math.isnan(head.sure) else f"{format_sure(head.sure)} sure"


def _what_to_measure(head: Headline) -> str:
    """What would make a guess sure, and what cannot be told apart before."""
    if head.unmeasured_today and head.today_mb:
        return f"but {format_mb(head.today_mb)}, today's size, was not measured: measure it, too"
    if head.evidence == "":
        return "by prediction alone: measure this size, too"
    apart = ""
    if head.as_good_mb:
        apart = f": {join_mb(sorted({head.memory_mb or 0, *head.as_good_mb}))} cannot be told apart"
    if head.more:
        return f"measure about {format_count(head.more, 'more invocation')} to be sure{apart}"
    if head.reason:
        return f"but measure more ({head.reason}){apart}"
    return f"but measure more{apart or ': one size alone was measured'}"


def _changes(head: Headline) -> str:
    """Money, then speed, against today; "" where nothing changes, or nothing is known."""
    if head.keeps_today or head.today_mb is None or head.unmeasured_today:
        return ""
    today = format_mb(head.today_mb)
    if head.failing_today:
        return f": {today} today fails{_for_types(head.failing_types)}"
    if math.isnan(head.cost_ratio):
        return ""
    lead = f". Against {today} today it " if head.is_guess else ": "
    when = "before" if head.applied_mb == head.memory_mb else "today"
    against = "" if head.is_guess else f" than at {today} {when}"
    return f"{lead}{_speed(head, against)}, {_cost(head)}"


def _for_types(names: tuple[str, ...]) -> str:
    if not names:
        return ""
    return f" for {join(names) if len(names) <= _FEW else format_count(len(names), 'payload type')}"


def _speed(head: Headline, against: str) -> str:
    tail = head.p95_speedup
    if abs(head.speedup - 1) < 2 * _SAME:
        words = f"as fast{against.replace(' than ', ' as ')}"
        return words if against else f"is {words}"
    faster = head.speedup > 1
    words = f"{format_gain(head.speedup)} {'faster' if faster else 'slower'}{against}"
    if not math.isnan(tail):
        same = abs(tail - 1) < 2 * _SAME
        words += f" (p95: {'as fast' if same else format_gain(tail) + _direction(tail, faster)})"
    return words if against else f"is {words}"


def _direction(tail: float, faster: bool | None) -> str:
    if (tail > 1) == faster:
        return ""
    return " faster" if tail > 1 else " slower"


def _cost(head: Headline) -> str:
    if abs(head.cost_ratio - 1) < _SAME:
        return "at the same cost"
    percent = f"{abs(head.cost_ratio - 1) * 100:.0f} %"
    less = head.cost_ratio < 1
    amount = f"{_amount(head)} {_volume(head)}"
    return f"for {percent} {'less' if less else 'more'} ({amount})"


def _amount(head: Headline) -> str:
    """The money that changes hands, with cents."""
    usd = abs(head.change_usd)
    amount = usd * head.money.per_usd
    if head.monthly and 0.1 <= round(amount, 2) < 1:
        return head.money.pattern.replace("{}", f"{amount:.2f}")
    return head.money.bill(usd)


def _volume(head: Headline) -> str:
    if not head.monthly:
        return "per million invocations"
    millions = head.invocations / _MILLION
    if millions >= 1:
        amount = f"{round(millions, 2):,}".removesuffix(".0")
        return f"a month at {amount} million invocations"
    return f"a month at {format_count(round(head.invocations), 'invocation')}"


def _certainty(head: Headline) -> str:
    if head.memory_mb is None:
        return ""
    return _sentence([_how_sure(head), *_beside(head)])


_PRODUCT = "lambdatuning's default"


def _beside(head: Headline) -> list[str]:
    parts = []
    if head.by_value:
        parts.append(
            f"the lowest cost was asked for; the best value, {_PRODUCT}, would be "
            f"{_other(head.by_value)}"
        )
    elif head.alternative and _looks_better(head.alternative):
        parts.append(f"measured better, by less than it may err: {_other(head.alternative)}")
    elif head.alternative:
        parts.append(f"next best: {_other(head.alternative)}")
    if head.untestable_mb:
        parts.append(might_win_on_aws(head.untestable_mb))
    return parts


def might_win_on_aws(sizes_mb: tuple[int, ...]) -> str:
    """That sizes whose vCPUs the host did not have might do better on AWS."""
    return f"on AWS, {join_mb(sizes_mb)} might be better: this host has fewer cores"


def _looks_better(other: Alternative) -> bool:
    """Whether it is as cheap and faster, or cheaper and as fast, by the means alone: they err."""
    cost, speed = 1 - other.cost_ratio, other.speedup - 1
    better = cost >= _SAME or speed >= 2 * _SAME
    return better and cost > -_SAME and speed > -2 * _SAME


def _sentence(parts: list[str]) -> str:
    text = "; ".join(parts)
    return f"{capitalised(text)}." if text else ""


def _how_sure(head: Headline) -> str:
    words = REGISTRY[head.strategy]
    if math.isnan(head.sure):
        return f"how sure cannot be said{f' ({head.reason})' if head.reason else ''}"
    share = f"{format_sure(head.sure).replace('>', 'more than')} sure"
    if head.strategy == "deadline":
        return head.reason or f"{share} that it keeps the deadline"
    by_cold = ", seen by cold starts alone" if head.evidence == "cold" else ""
    most = format_part(head.tolerance)
    return f"{share} that no size is {words.better} by more than {most}{by_cold}"


def _other(other: Alternative) -> str:
    cost = "the same cost"
    if abs(other.cost_ratio - 1) >= _SAME:  # NaN, where nothing costs anything, is the same
        more = "more expensive" if other.cost_ratio > 1 else "cheaper"
        cost = f"{abs(other.cost_ratio - 1) * 100:.0f} % {more}"
    return f"{format_mb(other.memory_mb)}, {cost} and {format_faster(other.speedup)}"


def _money_card(head: Headline) -> Card:
    if head.keeps_today:
        return Card("saves", "nothing", "today's size is the answer")
    if math.isnan(head.cost_ratio):
        return Card("saves", NOTHING, _why_unknown(head))
    if abs(head.cost_ratio - 1) < _SAME:
        return Card("costs", "the same")
    less = head.cost_ratio < 1
    value = f"{abs(head.cost_ratio - 1) * 100:.0f} %"
    amount = f"{_amount(head)} {_volume(head)}"
    return Card("saves" if less else "costs more", value, amount)


def _speed_card(head: Headline) -> Card:
    if head.keeps_today or math.isnan(head.speedup):
        return Card("faster", NOTHING, "" if head.keeps_today else _why_unknown(head))
    faster, tail = head.speedup > 1, head.p95_speedup
    if abs(head.speedup - 1) < 2 * _SAME:
        return Card("speed", "the same", _tail_note(tail, None))
    return Card("faster" if faster else "slower", _factor(head.speedup), _tail_note(tail, faster))


def _tail_note(tail: float, faster: bool | None) -> str:
    """The p95 beside a mean that is faster, slower or (None) neither."""
    if math.isnan(tail):
        return ""
    if abs(tail - 1) < 2 * _SAME:
        return "p95: the same"
    return f"p95: {_factor(tail)}{_direction(tail, faster)}"


def _factor(speedup: float) -> str:
    """How many times faster or slower."""
    more = max(speedup, 1 / speedup)
    return f"{more:.1f} ×" if more >= 1.95 else f"{more:.2f} ×"


def _sure_card(head: Headline) -> Card:
    if math.isnan(head.sure):
        return Card("sure", "not known", head.reason)
    if head.strategy == "deadline":
        return Card("sure", format_sure(head.sure), "that it keeps the deadline")
    words = REGISTRY[head.strategy].better
    by_cold = ", by cold starts alone" if head.evidence == "cold" else ""
    note = f"that no size is {words} by more than {format_part(head.tolerance)}{by_cold}"
    return Card("sure", format_sure(head.sure), note)


def _why_unknown(head: Headline) -> str:
    if head.memory_mb is None:
        return "no size can be recommended"
    if head.failing_today:
        return "today's size fails"
    if head.unmeasured_today:
        return "today's size was not measured"
    return "today's size is not known" if head.today_mb is None else ""
