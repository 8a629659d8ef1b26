"""The history of one function as an answer: its verdict, changes and series."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np
from pandas import DataFrame

from ...core.errors import NotFoundError, closest
from ...core.format import (
    NOTHING,
    first_few,
    format_count,
    format_level,
    format_mb,
    format_part,
    format_span,
    join,
    short_name,
)
from ...core.wire import finite
from ..questions.pillars import NOT, PARTLY, pillars_frame, practice
from ..text.statement import About, answer_output, html_words
from ..text.tables import Table, require_table, table
from ..verdict import (
    BETTER,
    FINE,
    UNKNOWN,
    WORSE,
    ChangeFinding,
    Verdict,
    gravest,
)
from .changes import Change, JudgedSegment, cost_of, drift, finding, judge_segment, thresholds_for
from .detector import (
    DEFAULT,
    LEARNING,
    SHARED_HOST,
    Floats,
    Panel,
    Thresholds,
    medians,
    smallest_step,
)
from .segments import COST, DURATION, INIT, MEMORY, SAMPLED, TAIL, Lane, Segment, lane, learnt
from .summary import RunSummary

if TYPE_CHECKING:
    from ..plot.chart import Chart

SCHEMA = 1
"""Of `History.to_json`."""

LIMITS = (
    "A change of everything needs two nights: in one, nothing tells a slow host from slow code.",
    "A change of one payload type or one memory size is relative to the others, and may be "
    "confirmed in one night.",
    "Slow drift is no change point: every ten runs the newest five are compared with the first ten "
    "of the baseline.",
)
"""What a reader must know."""

SHARED = (
    "The embedded AWS shares its machine with whatever else runs there: a change needs more "
    "evidence than on AWS."
)

_ROWS = 30
"""Newest runs that a table shows; the frame has all."""

_DRIFT_EVERY, _FEW = 10, 3
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class History:
    """What the runs of one function say over time. Shows itself in notebooks; `str()` is text.

    `accepted` are the first runs of levels that were accepted, and why. `smallest` is the smallest
    change of everything (a share) that three nights would find four times in five, `spread` how
    much runs differ beside their samples (log). `taught` is whether other functions of the store
    taught how much runs differ.
    """

    lane: Lane
    judged_segments: tuple[JudgedSegment, ...]
    accepted: Mapping[str, str]
    spread: float
    smallest: float
    taught: bool
    thresholds: Thresholds = DEFAULT

    @property
    def function(self) -> str:
        """The name of the function."""
        return self.newest.function

    @property
    def newest(self) -> RunSummary:
        """The run that the verdict is about."""
        return self.lane.runs[-1]

    @property
    def runs(self) -> tuple[RunSummary, ...]:
        """The runs of the function's newest architecture, region and kind of endpoint."""
        return self.lane.runs

    @cached_property
    def changes(self) -> tuple[ChangeFinding, ...]:
        """Every confirmed change, oldest first; what is a part of another is left out."""
        return tuple(
            finding(change, judged.segment, self.smallest)
            for judged in self.judged_segments
            for change in judged.changes
            if not change.sibling
        )

    @property
    def ready(self) -> bool:
        """Whether there are enough runs of one level to judge the newest by."""
        judged = self.judged_segments[-1].newest.get(DURATION)
        return judged is not None and judged.kind != LEARNING

    @property
    def suspect(self) -> bool:
        """Whether the newest run looks changed, which one more run can confirm."""
        return bool(self.judged_segments[-1].suspects) and not self._new

    @cached_property
    def verdict(self) -> Verdict:
        """On the newest run. A change is reported once, by the run that confirms it."""
        kind, reason, findings = self._judged()
        newest = self.newest
        return Verdict(
            source="history",
            function=self.function,
            kind=kind,
            reason=reason,
            findings=tuple(gravest(findings)),
            run_id=newest.run_id,
            baseline=self._baseline,
            architecture=newest.architecture,
            region=newest.region,
            started_at=newest.started_at,
            commit=newest.code.commit,
        )

    @property
    def _baseline(self) -> tuple[str, ...]:
        """The runs before the newest, up to where what it confirms began."""
        earlier = [run.run_id for run in self._segment.runs[:-1]]
        since = {change.since.run_id for change in self._new}
        return tuple(takewhile(lambda run_id: run_id not in since, earlier))

    @property
    def plot(self) -> "HistoryPlots":
        """Its figures: `.series()`, all or one by name."""
        return HistoryPlots(self)

    @cached_property
    def frame(self) -> DataFrame:
        """A row a run: duration, p95 and cost as a share of the level at the start of its segment
        (1.0), pooled over payload types and sizes; init (ms) and memory (MB) at the middle size."""
        rows = [row for judged in self.judged_segments for row in _rows(judged.segment)]
        verdicts = {
            c.confirmed_by.run_id: "changed"
            for judged in self.judged_segments
            for c in judged.changes
        }
        for row in rows:
            row["change"] = verdicts.get(str(row["run_id"]), "")
            row["accepted"] = self.accepted.get(str(row["run_id"]), "")
        return DataFrame(rows)

    def table(self, name: str) -> Table:
        """ "runs", "changes", "cuts" or "pillars" as a readable table."""
        titles = {
            "runs": "Runs",
            "changes": "Changes",
            "cuts": "Cuts",
            "pillars": "Well-Architected best practices",
        }
        require_table(name, titles)
        frame = self.pillars() if name == "pillars" else getattr(self, f"_{name}_frame")
        return table(frame, titles[name])

    def pillars(self) -> DataFrame:
        """What the runs together show of the best practices of the AWS Well-Architected Framework
        that need more than one run; `Study.pillars` has the others."""
        return pillars_frame(
            practice(self.function, name, state, evidence, next_step)
            for name, state, evidence, next_step in self._practices()
        )

    def _practices(self) -> Iterator[tuple[str, str, str, str]]:
        newest = self.frame.iloc[-1]
        days = join(dict.fromkeys(str(run.started_at)[:10] for run in (self.runs[0], self.newest)))
        count = f"{format_count(len(self.runs), 'run')}, {days}"
        nightly = "" if self.ready else "measure every night (lambdatuning schedule)"
        cost = format_level(newest["cost_level"])
        evidence = f"{count}: the newest costs {cost} against the first runs"
        yield "COST05-BP06", PARTLY, evidence, nightly
        verdict = str(self.verdict).removesuffix(".")
        yield "PERF01-BP06", PARTLY, f"{count}. {verdict}", nightly
        kept = f"{count}: duration, p95, cost, init, failures and memory used are kept"
        yield "PERF02-BP03", PARTLY, kept, "watch the same figures in production"
        share = newest["failed_share"]
        if not math.isnan(share):
            failing = f"{format_part(share)} of the newest run's invocations failed"
            find = "find out why they failed" if share else "watch errors in production"
            yield "REL06-BP01", NOT if share else PARTLY, failing, find

    def to_json(self) -> dict[str, Any]:
        """Plain values; `schema` is raised when a field changes its meaning or goes."""
        return {
            "schema": SCHEMA,
            "function": self.function,
            "architecture": self.newest.architecture,
            "region": self.newest.region,
            "verdict": self.verdict.to_json(),
            "suspect": self.suspect,
            "changes": [vars(change) for change in self.changes],
            "cuts": [cut._asdict() for cut in self.lane.cuts],
            "apart": dict(self.lane.apart),
            "accepted": [{"run_id": run, "why": why} for run, why in self.accepted.items()],
            "spread": finite(self.spread),
            "smallest_change": finite(self.smallest),
            "taught_by_other_functions": self.taught,
            "runs": json.loads(self.frame.to_json(orient="records", date_format="iso")),
            "limits": list(LIMITS),
        }

    def __str__(self) -> str:
        return "\n".join([str(self.verdict), *self.sentences])

    @property
    def about(self) -> About:
        """Function, place and dates of the runs, in one line."""
        newest, dates = self.newest, [str(run.started_at)[:10] for run in self.runs]
        return About(
            (self.function,),
            "embedded AWS" if newest.endpoint.embedded else newest.region,
            " to ".join(dict.fromkeys(filter(None, (dates[0], dates[-1])))),
            (format_count(len(self.runs), "run"), f"newest {newest.run_id}"),
        )

    @property
    def sentences(self) -> list[str]:
        """What stands behind the verdict, and the limits of any."""
        return [*self._grounds(), *LIMITS]

    def _grounds(self) -> list[str]:
        return [
            *self._level(),
            *(f"Changed before: {change}." for change in self._earlier[-_SHOWN:]),
            *(f"Accepted from {run}: {why}." for run, why in self.accepted.items()),
            *(f"Cut at {cut.run_id}: {cut.reason}." for cut in self.lane.cuts[-_SHOWN:]),
            *(_apart(where, count) for where, count in self.lane.apart.items()),
            *([SHARED] if thresholds_for(self._segment) is SHARED_HOST else ()),
        ]

    def _repr_mimebundle_(self, **_: Any) -> dict[str, object]:
        return answer_output(str(self.verdict), [self.function])

    def _repr_html_(self) -> str:
        words = "".join(f"<li>{html_words(text)}</li>" for text in self._grounds())
        headline = f'<p class="lt-headline"><strong>{html_words(str(self.verdict))}</strong></p>'
        return f'<section class="lt-answer">{headline}<ul>{words}</ul></section>'

    # What the newest run says.

    @property
    def _segment(self) -> Segment:
        return self.judged_segments[-1].segment

    @cached_property
    def _new(self) -> tuple[Change, ...]:
        """What the newest run confirmed."""
        newest = self.newest.run_id
        last = self.judged_segments[-1]
        return tuple(c for c in last.changes if c.confirmed_by.run_id == newest and not c.sibling)

    @property
    def _earlier(self) -> list[str]:
        new = {finding(change, self._segment, self.smallest).text for change in self._new}
        return [change.text for change in self.changes if change.text not in new]

    def _judged(self) -> tuple[str, str, list[ChangeFinding]]:
        last, named = self.judged_segments[-1], short_name(self.function)
        new = [self._with_cost(change) for change in self._new]
        suspects = [] if new else [finding(c, self._segment, self.smallest) for c in last.suspects]
        findings = [*new, *self._drifted(), *suspects]
        worse = [finding.text for finding in findings if finding.kind == WORSE]
        if worse:
            return WORSE, f"regression of {named}: {first_few(worse)}", findings
        if lacking := self._lacking():
            return UNKNOWN, f"cannot tell: {lacking}", findings
        doubtful = [c for c in suspects if c.change is None or c.change > 0]
        if doubtful:
            return (
                UNKNOWN,
                f"cannot tell: suspect, {first_few([c.text for c in doubtful])}; "
                f"{self._few(doubtful)} not enough (--confirm measures again at once)",
                findings,
            )
        if new:
            better = first_few([change.text for change in new])
            return BETTER, f"better: {named}, {better}", findings
        return FINE, self._quiet(), findings

    def _few(self, suspects: list[ChangeFinding]) -> str:
        """What speaks for a suspicion so far: the newest run, or more."""
        alone = all(finding.since == self.newest.run_id for finding in suspects)
        return "one run is" if alone else "what the runs since say is"

    def _quiet(self) -> str:
        count = self.judged_segments[-1].since_level(self.accepted)
        text = f"no regression of {short_name(self.function)} in {count} runs of one level"
        if math.isfinite(self.smallest):
            text += f"; a change of {format_part(self.smallest)} would be found in three nights"
        return text

    def _lacking(self) -> str:
        """What is missing for a verdict; "" where there is enough."""
        segment, judged = self._segment, self.judged_segments[-1].newest
        newest = self.newest
        if all(cell.duration_ms is None for cell in newest.cells):
            return f"no invocation of {newest.run_id} was warm and succeeded; look at its errors"
        duration = judged.get(DURATION)
        if duration is None or duration.kind == LEARNING:
            have = self.judged_segments[-1].since_level(self.accepted)
            more, needed = self.thresholds.needed - have, self.thresholds.needed
            return (
                f"{have} of the {needed} runs that a level needs {_are(have)} there, "
                f"{more} more {_are(more)} needed"
            )
        there = np.isfinite(segment.panel(DURATION).values)
        if not (there[-1] & (there[:-1].sum(0) >= self.thresholds.fewest)).any():
            return (
                f"{newest.run_id} measured no payload type and size that {self.thresholds.fewest} "
                "runs before it did; measure the same ones each night"
            )
        return ""

    def _with_cost(self, change: Change) -> ChangeFinding:
        own = finding(change, self._segment, self.smallest)
        cost = cost_of(self._segment, change) if change.measure == DURATION else math.nan
        if math.isnan(cost):
            return own
        cost_text = f"; cost {'+' if cost >= 0 else '-'}{format_part(abs(cost))}"
        return replace(own, text=own.text + cost_text)

    def _drifted(self) -> list[ChangeFinding]:
        """Drift since the baseline, looked at every ten runs."""
        segment = self._segment
        first = self.judged_segments[-1].level_start(self.accepted)
        if (len(segment.runs) - first) % _DRIFT_EVERY:
            return []
        drifted = drift(segment, first, self.thresholds)
        if drifted is None:
            return []
        share, low, high = (math.expm1(drifted.step + k * 1.96 * drifted.error) for k in (0, -1, 1))
        word = "slower" if share > 0 else "faster"
        text = (
            f"everything drifted: {word} by {format_part(abs(share))} than in the ten runs from "
            f"{drifted.base.run_id} on, without a step"
        )
        return [
            ChangeFinding(
                kind=WORSE if share > 0 else BETTER,
                measure=DURATION,
                change=share,
                low=low,
                high=high,
                smallest=finite(self.smallest),
                since=drifted.base.run_id,
                cause="drift",
                text=text,
            )
        ]

    def _level(self) -> list[str]:
        runs = format_count(len(self._segment.runs), "run")
        scope = f"{runs} that can be compared, the newest {self.newest.run_id}."
        if not self.spread:
            return [scope]
        source = ", as other functions of this store teach" if self.taught else ""
        least = "no change up to 100 %"
        if math.isfinite(self.smallest):
            least = f"a change of everything of {format_part(self.smallest)} or more"
        return [
            scope,
            f"Runs of the same code differ by {format_part(math.expm1(self.spread))}{source}: "
            f"{least} would be found within three nights four times in five.",
        ]

    @property
    def _runs_frame(self) -> DataFrame:
        """The newest runs, for readers."""
        newest = self.frame.tail(_ROWS)
        levels = {
            name: [format_level(value) for value in newest[f"{name}_level"]]
            for name in ("duration", "p95", "cost")
        }
        rest = ["init_ms", "failed_share", "max_memory_mb", "best_mb", "code", "change"]
        days = newest["started_at"].str[:16].str.replace("T", " ")
        return DataFrame({"run": newest["run_id"], "started": days, **levels, **newest[rest]})

    @property
    def _changes_frame(self) -> DataFrame:
        rows = [
            {
                "since": change.since,
                "what": change.payload
                or (format_mb(change.memory_mb) if change.memory_mb else "all"),
                "measure": change.measure,
                "moved": format_span(change.low or 0.0, change.high or 0.0),
                "why": change.cause or NOTHING,
            }
            for change in self.changes
        ]
        return DataFrame(rows, columns=["since", "what", "measure", "moved", "why"])

    @property
    def _cuts_frame(self) -> DataFrame:
        return DataFrame([cut._asdict() for cut in self.lane.cuts], columns=["run_id", "reason"])


@dataclass(frozen=True, eq=False)
class HistoryPlots:
    """The figures of a history."""

    history: History

    def series(self, *names: str) -> "Chart | None":
        """A panel a series, all by default: "duration", "p95", "cost", "init", "failures", "memory"
        and "best size"; lines mark changes, cuts and accepted levels. None of fewer than 3 runs."""
        from .figures import SeriesData, plot_series  # matplotlib takes a second to import

        history = self.history
        if len(history.runs) < _FEW:
            return None
        series = SeriesData(
            function=history.function,
            verdict=str(history.verdict),
            frame=history.frame,
            changes=history.changes,
            cut_at=tuple(cut.run_id for cut in history.lane.cuts),
            accepted_from=tuple(history.accepted),
        )
        return plot_series(series, names)


def history(
    runs: Iterable[RunSummary], function: str = "", accepted: Mapping[str, str] | None = None
) -> History:
    """The history of a function (by default of the one that was measured last) among all runs of a
    store; `accepted` are first runs of accepted levels, and why.

    Raises:
        NotFoundError: no run of that function.
    """
    every = list(runs)
    chosen = lane(every, function)
    if chosen is None:
        names = sorted({run.function for run in every if run.kind in SAMPLED})
        if not names or not function:
            raise NotFoundError("no run yet; `lambdatuning benchmark` or `tune` makes one")
        raise NotFoundError(f"no run of {function}; {closest(function, names)}")
    levels = dict(accepted or {})
    base = thresholds_for(chosen.segments[-1])
    thresholds = learnt(_others(every, chosen), base)
    judged_segments = tuple(
        judge_segment(segment, list(levels), thresholds if last else thresholds_for(segment))
        for segment, last in zip(
            chosen.segments, [False] * (len(chosen.segments) - 1) + [True], strict=True
        )
    )
    judged = judged_segments[-1].newest.get(DURATION)
    spread, before = (judged.run_spread, judged.before) if judged else (0.0, 0)
    smallest = math.expm1(smallest_step(spread, before, thresholds)) if before else math.inf
    return History(
        chosen, judged_segments, levels, spread, smallest, thresholds is not base, thresholds
    )


def _others(runs: Sequence[RunSummary], chosen: Lane) -> list[Panel]:
    """Panels of the other functions in the same region and kind of endpoint."""
    function, _, region, kind = chosen.runs[-1].place
    names = {
        run.function
        for run in runs
        if run.function != function and run.place[2:] == (region, kind) and run.kind in SAMPLED
    }
    lanes = [lane([run for run in runs if run.place[2:] == (region, kind)], n) for n in names]
    return [other.segments[-1].panel(DURATION) for other in lanes if other]


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _apart(where: str, count: int) -> str:
    return f"{format_count(count, 'run')} on {where} {'stands' if count == 1 else 'stand'} apart."


def _rows(segment: Segment) -> list[dict[str, object]]:
    durations, tails, costs = (_pooled(segment.panel(m)) for m in (DURATION, TAIL, COST))
    inits, memory = (_middle(segment.panel(m)) for m in (INIT, MEMORY))
    failed, every = segment.failures()
    return [
        {
            "run_id": run.run_id,
            "started_at": run.started_at,
            "duration_level": durations[n],
            "p95_level": durations[n] * tails[n],
            "cost_level": costs[n],
            "init_ms": inits[n],
            "failed_share": failed[n] / every[n] if every[n] else math.nan,
            "max_memory_mb": memory[n],
            "best_mb": run.best_mb,
            "code": run.code.commit[:12] or run.code_sha256[:12],
            "usd": run.usd,
            "labels": ", ".join(f"{key}={value}" for key, value in run.labels.items()),
        }
        for n, run in enumerate(segment.runs)
    ]


def _pooled(panel: Panel) -> Floats:
    """The geometric mean over cells of the ratio to the median of the cell."""
    there = np.isfinite(panel.values)
    early = panel.values[:10]
    first = np.where(np.isfinite(early).any(0), medians(early), medians(panel.values))
    off = np.where(there, panel.values - first, 0.0).sum((1, 2))
    count = there.sum((1, 2))
    return np.where(count > 0, np.exp(off / np.maximum(count, 1)), np.nan)


def _middle(panel: Panel) -> Floats:
    """The value at the size that most runs have, the middle one of those."""
    values = panel.values[:, 0, :]
    counts = np.isfinite(values).sum(0)
    best = np.flatnonzero(counts == counts.max())
    return np.asarray(np.exp(values[:, best[len(best) // 2]]))
