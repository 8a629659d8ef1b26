"""Change points in the runs of one function: a weighted likelihood over many series at once.

Model of a run's logarithm in a cell (payload type p, memory size s) of run t:

    value[t,p,s] = level[p,s] + run[t] + type[t,p] + size[t,s] + error[t,p,s]

`error` is about the cell's own standard error, `run` what a run does to all cells alike (the host,
the hour): a random effect, as `type` and `size` are. What is alike is pooled before anything is
tested. The series "all" is the run effect, that of a payload type its pooled value less the run
effect, that of a memory size what is left of its cells.

For every number of newest runs a likelihood ratio (Student's t, so that no single run says much)
asks whether they are on another level than those before. Up to a small step counts as unchanged:
drift and weekly patterns are no change. One run makes a change *suspect*. *Confirmed* needs
evidence that stands without its strongest run; for "all" without its strongest night, since nothing
tells a bad host from slower code in one night.

The thresholds were set by simulation (`make bench-history`), so that all series and both directions
together alarm falsely in at most 0.3 % of nights. Sources: the likelihood ratio scan for a change
of level is Page's and Hinkley's (D. V. Hinkley, Biometrika 57, 1970); bounded influence is Huber's
(Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 35, 1964).
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]

ALL, TYPE, SIZE = "all", "payload", "size"
"""What a series is of."""

LEARNING, STEADY, SUSPECT, CONFIRMED = "learning", "steady", "suspect", "confirmed"


@dataclass(frozen=True)
class Rule:
    """What a series of one kind needs (log likelihood ratios) to be suspect and confirmed.

    `short` is divided by the number of runs before and added, since few runs tell their noise
    badly; `age` is added for each newest run beyond two; the logarithm of the number of series is
    added. `degrees` are those of the likelihood. `prior_sd` is the spread of a run as it is taken
    beforehand, worth `prior_runs` runs.
    """

    confirm: float
    suspect: float
    short: float
    rest: float
    degrees: float
    prior_sd: float
    prior_runs: float
    age: float = 0.0


@dataclass(frozen=True)
class Thresholds:
    """What a change needs; see the module. Steps are logarithms.

    `overall` is the rule of the series "all", `part` that of each payload type and size. The level
    is that of up to `window` runs before, of at least `fewest`; as many newest runs as `newest`
    lists are tried. A step up to `band` counts as none, one below `least` is not reported. `width`
    is the scale of the likelihood by the spread of runs, `calm` how much less evidence quiet
    functions need. `stricter` is added to what every series needs, `sizes` to what sizes do.
    """

    overall: Rule = Rule(8.0, 1.7, 6.5, 1.5, 4.0, 0.03, 4.0)
    part: Rule = Rule(6.3, 1.3, 2.5, 1.5, 8.0, 0.01, 8.0, age=0.4)
    window: int = 28
    newest: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 8, 10)
    fewest: int = 4
    band: float = 0.005
    least: float = 0.02
    calm: float = 3.0
    width: float = 0.8
    stricter: float = 0.0
    sizes: float = 0.0

    @property
    def needed(self) -> int:
        """Runs from which on anything can be said."""
        return self.fewest + 1


DEFAULT = Thresholds()

SHARED_HOST = Thresholds(
    overall=Rule(8.0, 1.7, 6.5, 1.5, 4.0, 0.08, 8.0),
    part=Rule(7.0, 1.3, 2.5, 2.5, 4.0, 0.03, 4.0, age=0.4),
    least=0.05,
    sizes=2.0,
)
"""For the embedded AWS, whose machine others use, too: runs of the same code differ by 8 % there
instead of 1 %, and single payload types and sizes by 30 % at times, which no run sees by itself."""

_RESTLESS = 0.03
"""The spread of a run from which down a quieter function needs less evidence: the thresholds guard
against this one."""


@dataclass(frozen=True)
class Panel:
    """Logarithms and their standard errors, runs x payload types x sizes, NaN where not measured;
    `nights` has the day of each run."""

    values: Floats
    errors: Floats
    nights: np.ndarray[Any, Any]

    def __len__(self) -> int:
        return len(self.values)

    def between(self, first: int, last: int) -> "Panel":
        """Runs `first` to before `last`."""
        at = slice(first, last)
        return Panel(self.values[at], self.errors[at], self.nights[at])


class Series(NamedTuple):
    """One line that is tested: of everything, or of the payload type or size with that number."""

    kind: str
    number: int = 0


@dataclass(frozen=True)
class Judgement:
    """What is said of the newest run. `step` and `error` are logarithms, positive is more.

    `since` is the first run of the new level, `earliest` and `latest` where else it may begin.
    `spread` is how much runs differ (log) in the series, `run_spread` in all of them alike.
    """

    kind: str
    series: Series | None = None
    step: float = 0.0
    error: float = 0.0
    since: int = -1
    earliest: int = -1
    latest: int = -1
    spread: float = 0.0
    before: int = 0
    run_spread: float = 0.0


@dataclass(frozen=True)
class _Lines:
    """All series of a panel: values (series x runs), and the variance of measuring each."""

    names: tuple[Series, ...]
    values: Floats
    measuring: Floats

    @property
    def overall(self) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        return np.array([name.kind == ALL for name in self.names])


def judge(panel: Panel, thresholds: Thresholds = DEFAULT) -> Judgement:
    """The judgement on the newest run of a panel whose runs are otherwise of one level."""
    skipped = max(0, len(panel) - thresholds.window - max(thresholds.newest))
    recent = panel.between(skipped, len(panel))
    if len(recent) < thresholds.needed:
        return Judgement(LEARNING)
    lines = _lines(recent, thresholds)
    judgement = _judge(lines, recent.nights, thresholds)
    if judgement.kind != CONFIRMED or judgement.series is None:
        return judgement
    m = len(recent) - judgement.since
    line = lines.values[lines.names.index(judgement.series)]
    at, early, late = _place(line, m, judgement.step, judgement.spread, thresholds)
    judgement = replace(judgement, step=_refitted(recent, judgement.series, at, thresholds))
    return replace(judgement, since=skipped + at, earliest=skipped + early, latest=skipped + late)


def watch(
    panel: Panel, accepted: Sequence[int] = (), thresholds: Thresholds = DEFAULT
) -> list[Judgement]:
    """The judgement on every run as it came; a confirmed change, or an accepted one (the number of
    its first run), starts a new level."""
    start, judged = 0, []
    for newest in range(len(panel)):
        start = max([start, *(first for first in accepted if first <= newest)])
        judgement = judge(panel.between(start, newest + 1), thresholds)
        if judgement.kind == CONFIRMED:
            shifted = (
                judgement.since + start,
                judgement.earliest + start,
                judgement.latest + start,
            )
            judgement = replace(judgement, since=shifted[0], earliest=shifted[1], latest=shifted[2])
            start = judgement.since
        judged.append(judgement)
    return judged


def smallest_step(spread: float, before: int, thresholds: Thresholds = DEFAULT) -> float:
    """The step of "all" (log) that three nights find four times in five, by simulating runs that
    differ by `spread`, `before` of them on the old level; infinite where none up to 100 % is."""
    rng = np.random.default_rng(1)
    trials, nights = 300, 3
    rule = thresholds.overall
    runs_before = min(before, thresholds.window)
    noise = rng.standard_t(5, (trials, runs_before + nights)) * spread / np.sqrt(5 / 3)
    prior = np.full(trials, rule.prior_sd**2)

    def is_found(change: float) -> bool:
        """Four times in five."""
        lines, step = noise.copy(), np.log1p(change)
        lines[:, runs_before:] += step
        hit = np.zeros(trials, bool)
        for night in range(2, nights + 1):
            so_far = lines[:, : runs_before + night]
            days = np.arange(runs_before + night)
            for scanned in _scan(
                so_far, prior, np.full(trials, rule.prior_runs), days, rule.degrees, thresholds
            ):
                hit |= _score(scanned, np.ones(trials, bool), np.zeros(trials), thresholds) >= 0
        return bool(hit.mean() >= 0.8)

    # What finds a step finds each larger one.
    first = bisect_left(_STEPS, True, key=is_found)
    return float(np.log1p(_STEPS[first])) if first < len(_STEPS) else float("inf")


_STEPS = (
    *(0.02, 0.025, 0.03, 0.035, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.12, 0.15, 0.2),
    *(0.25, 0.3, 0.4, 0.5, 0.7, 1.0),
)
"""Changes that are tried, as shares."""


def run_effects(panel: Panel, thresholds: Thresholds = DEFAULT) -> Floats:
    """What each run does to all of its cells alike (log), around the median."""
    return np.asarray(_lines(panel, thresholds).values[0])


# The series of a panel.


def _huber(values: Floats, weights: Floats, axis: int, scale: Floats) -> Floats:
    """Weighted means along an axis; what is further off than 1.5 `scale` counts for less."""
    centre = _median(values, axis)
    for _ in range(3):
        far = np.maximum(np.abs(values - centre), 1e-12)
        damped = weights * np.minimum(1.0, 1.5 * scale / far)
        total = np.maximum(damped.sum(axis, keepdims=True), 1e-12)
        centre = (damped * values).sum(axis, keepdims=True) / total
    return np.asarray(np.squeeze(centre, axis))


def _median(values: Floats, axis: int) -> Floats:
    """As `numpy.median` with the axis kept; of small arrays it takes a fifth of the time."""
    ordered, n = np.sort(values, axis), values.shape[axis]
    low, high = (ordered.take([k], axis) for k in ((n - 1) // 2, n // 2))
    return np.asarray((low + high) / 2)


def medians(values: Floats) -> Floats:
    """The median over the first axis of what is finite; 0 where nothing is."""
    ordered = np.sort(np.where(np.isfinite(values), values, np.inf), 0)
    count = np.maximum(np.isfinite(values).sum(0), 1)
    low, high = (np.take_along_axis(ordered, k[None], 0)[0] for k in ((count - 1) // 2, count // 2))
    return np.where(np.isfinite(low), (low + high) / 2, 0.0)


def _centred(panel: Panel) -> tuple[Floats, Floats]:
    """Values less the median of their cell (0 where missing), and weights (0 where missing).

    The error of a cell from few samples is itself noisy: it is pooled over the runs, and a little
    over the sizes of a payload type. A cell that few runs measured has no level yet.
    """
    there = np.isfinite(panel.values) & np.isfinite(panel.errors)
    there &= there.sum(0) >= DEFAULT.fewest
    centre = medians(panel.values)
    squares = np.where(there, panel.errors, 0.0) ** 2
    variance = squares.sum(0) / np.maximum(there.sum(0), 1)
    variance = 0.7 * variance + 0.3 * variance.mean(-1, keepdims=True) + 0.003**2
    return np.where(there, panel.values - centre, 0.0), there / variance


def _lines(panel: Panel, thresholds: Thresholds) -> _Lines:
    values, weights = _centred(panel)
    _, types, sizes = values.shape
    variance = 1 / np.maximum(weights.max(0), 1e-12)
    by_type = _huber(values, weights, 2, np.sqrt(variance))
    there = weights.sum(2) > 0
    own = 1 / np.maximum(np.median(weights.sum(2), 0), 1e-12)
    scale = np.sqrt(own + thresholds.part.prior_sd**2)
    run = _huber(by_type, there / scale**2, 1, scale)
    names, lines, measuring = [Series(ALL)], [run], [float(1 / (1 / scale**2).sum())]
    if types >= 3:
        names += [Series(TYPE, number) for number in range(types)]
        lines += list(np.where(there, by_type - run[:, None], 0.0).T)
        measuring += list(own)
    if sizes >= 3:
        residuals = values - by_type[:, :, None]
        by_size = _huber(residuals, weights, 1, np.sqrt(variance))
        measured = weights.sum(1)
        names += [Series(SIZE, number) for number in range(sizes)]
        lines += list(np.where(measured > 0, by_size, 0.0).T)
        measuring += list(1 / np.maximum(np.median(measured, 0), 1e-12))
    return _Lines(tuple(names), np.vstack(lines), np.array(measuring))


# The scan.


class _Scanned(NamedTuple):
    """A change before the newest `m` runs, for every series: `rest` is the ratio without the run
    that says most, `rest_night` without the night."""

    m: int
    before: int
    ratio: Floats
    rest: Floats
    rest_night: Floats
    step: Floats
    variance: Floats


def _scan(
    lines: Floats,
    prior: Floats,
    prior_runs: Floats,
    nights: np.ndarray[Any, Any],
    degrees: Floats | float,
    thresholds: Thresholds,
) -> Iterator[_Scanned]:
    count = lines.shape[1]
    for m in thresholds.newest:
        if m > count - thresholds.fewest:
            return
        old = lines[:, max(0, count - m - thresholds.window) : count - m]
        new, days = lines[:, count - m :], nights[count - m :]
        level, variance = _level(old, prior, prior_runs)
        n = old.shape[1]
        scale = thresholds.width * np.sqrt(variance * (1 + m / n))[:, None]
        off = new - level
        step = _median(off, 1)
        for _ in range(2):
            step = step + np.clip(off - step, -scale, scale).mean(1, keepdims=True)
        unchanged = np.clip(step, -thresholds.band, thresholds.band)
        gain = _gain(off - unchanged, off - step, scale, degrees)
        ratio = gain.sum(1)
        by_night = (gain[:, None, :] * (days[:, None] == days[None, :])).sum(2)
        rest, rest_night = ratio - gain.max(1), ratio - by_night.max(1)
        yield _Scanned(m, n, ratio, rest, rest_night, step[:, 0], variance)


def _level(old: Floats, prior: Floats, prior_runs: Floats) -> tuple[Floats, Floats]:
    """Level and variance of the runs before; a bad night counts as little as an outlier does."""
    level, variance, n = _median(old, 1), prior, old.shape[1]
    for _ in range(2):
        sd = np.sqrt(variance)[:, None]
        level = level + np.clip(old - level, -1.5 * sd, 1.5 * sd).mean(1, keepdims=True)
        squares = (np.clip(old - level, -2.5 * sd, 2.5 * sd) ** 2).sum(1)
        variance = (prior_runs * prior + 1.05 * squares) / (prior_runs + n - 1)
    return level, variance


def _gain(without: Floats, with_step: Floats, scale: Floats, degrees: Floats | float) -> Floats:
    """Log likelihood that each run gains by a step, in Student's t."""
    degrees = np.asarray(degrees)
    ratio = (degrees + (without / scale) ** 2) / (degrees + (with_step / scale) ** 2)
    return np.asarray((degrees + 1) / 2 * np.log(ratio))


def _score(
    scanned: _Scanned, overall: "np.ndarray[Any, Any]", many: Floats, thresholds: Thresholds
) -> Floats:
    """By how much a change of each series is more than needs be to be confirmed."""
    need = np.where(overall, thresholds.overall.confirm, thresholds.part.confirm + many)
    need = need + thresholds.stricter + _short(scanned, overall, thresholds)
    quiet = np.minimum(0.0, 0.5 * np.log(scanned.variance / _RESTLESS**2))
    need = need + np.where(overall, thresholds.calm * quiet, 0.0)
    stands = np.where(
        overall,
        scanned.rest_night >= thresholds.overall.rest,
        scanned.rest >= thresholds.part.rest,
    )
    real = stands & (np.abs(scanned.step) >= thresholds.least) & (scanned.m > 1)
    return np.where(real, scanned.ratio - need, -np.inf)


def _short(scanned: _Scanned, overall: "np.ndarray[Any, Any]", thresholds: Thresholds) -> Floats:
    short = np.where(overall, thresholds.overall.short, thresholds.part.short) / scanned.before
    older = np.where(overall, thresholds.overall.age, thresholds.part.age) * max(scanned.m - 2, 0)
    return np.asarray(short + older)


def _judge(lines: _Lines, nights: np.ndarray[Any, Any], thresholds: Thresholds) -> Judgement:
    overall = lines.overall
    prior, prior_runs = _priors(lines, thresholds)
    many = np.where(overall, 0.0, np.log(max(len(lines.names) - 1, 1)))
    many = many + np.array([thresholds.sizes * (name.kind == SIZE) for name in lines.names])
    degrees = np.where(overall, thresholds.overall.degrees, thresholds.part.degrees)[:, None]
    doubt = np.where(overall, thresholds.overall.suspect, thresholds.part.suspect + many)
    best, suspicion = Judgement(STEADY), Judgement(STEADY)
    top = margin = 0.0
    for scanned in _scan(lines.values, prior, prior_runs, nights, degrees, thresholds):
        excess = scanned.ratio - doubt - thresholds.stricter - _short(scanned, overall, thresholds)
        excess = np.where(np.abs(scanned.step) >= thresholds.least, excess, -np.inf)
        score = _score(scanned, overall, many, thresholds)
        j, k = int(np.argmax(score)), int(np.argmax(excess))
        if score[j] >= top:
            top, best = float(score[j]), _as(CONFIRMED, scanned, lines, j)
        if excess[k] >= margin:
            margin, suspicion = float(excess[k]), _as(SUSPECT, scanned, lines, k)
    if best.kind == STEADY:
        best = suspicion
    return best if best.kind != STEADY else _steady(lines, prior, prior_runs)


def _as(kind: str, scanned: _Scanned, lines: _Lines, j: int) -> Judgement:
    spread = float(np.sqrt(scanned.variance[j]))
    return Judgement(
        kind,
        lines.names[j],
        float(scanned.step[j]),
        spread * float(np.sqrt(1 / scanned.m + 1 / scanned.before)),
        since=lines.values.shape[1] - scanned.m,
        spread=spread,
        before=scanned.before,
        run_spread=float(np.sqrt(scanned.variance[0])),
    )


def _steady(lines: _Lines, prior: Floats, prior_runs: Floats) -> Judgement:
    _, variance = _level(lines.values, prior, prior_runs)
    spread = float(np.sqrt(variance[0]))
    return Judgement(STEADY, spread=spread, before=lines.values.shape[1], run_spread=spread)


def _priors(lines: _Lines, thresholds: Thresholds) -> tuple[Floats, Floats]:
    """Variance of a run beforehand, and how many runs that is worth; what payload types (and
    sizes) do in a run is about alike, and learnt from all of them."""
    overall = lines.overall
    rule, part = thresholds.overall, thresholds.part
    sd = np.where(overall, rule.prior_sd, part.prior_sd)
    prior = sd**2 + lines.measuring
    count = lines.values.shape[1]
    for kind in (TYPE, SIZE):
        own = np.array([name.kind == kind for name in lines.names])
        if not own.any():
            continue
        extra = 1.1 * lines.values[own].var(1, ddof=1) - lines.measuring[own]
        weight = 1 / prior[own] ** 2
        order = np.argsort(extra)  # weighted median: noisy types say little of it
        at = int(np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2))
        worth = (count - 1) * weight.sum() / weight.max() / 3
        learnt = (part.prior_runs * part.prior_sd**2 + worth * extra[order][at]) / (
            part.prior_runs + worth
        )
        prior[own] = lines.measuring[own] + max(learnt, 0.003**2)
    return prior, np.where(overall, rule.prior_runs, part.prior_runs)


def _refitted(panel: Panel, series: Series, at: int, thresholds: Thresholds) -> float:
    """The step before run `at` against all other payload types (or sizes): in the series that are
    scanned, a part is compared with a whole that it belongs to."""
    if series.kind == ALL:
        line = run_effects(panel, thresholds)
    else:
        axis = 1 if series.kind == TYPE else 2
        rest = [k for k in range(panel.values.shape[axis]) if k != series.number]
        own, others = (
            Panel(panel.values.take(k, axis), panel.errors.take(k, axis), panel.nights)
            for k in ([series.number], rest)
        )
        line = run_effects(own, thresholds) - run_effects(others, thresholds)
    before, after = line[max(0, at - thresholds.window) : at], line[at:]
    return float(np.median(after) - np.median(before))


def _place(
    line: Floats, m: int, step: float, spread: float, thresholds: Thresholds
) -> tuple[int, int, int]:
    """The first run of the new level given its step: the likeliest, the earliest and the latest."""
    count = len(line)
    first = max(count - m - 6, thresholds.fewest)
    level = np.median(line[max(0, count - m - thresholds.window) : count - m])
    scale = np.array(thresholds.width * spread)
    off = line[first:] - level
    gain = _gain(off, off - step, scale, 6.0)
    total = np.cumsum(gain[::-1])[::-1][:-1]
    near = np.flatnonzero(total >= total.max() - 2.0)
    return first + int(np.argmax(total)), first + int(near[0]), first + int(near[-1])
