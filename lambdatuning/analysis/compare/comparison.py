"""A comparison as an answer: one run against others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd
from pandas import DataFrame

from ...core.errors import CannotTellError, UsageError
from ...core.finding import Finding, gravest_first
from ...core.format import DOLLARS, NOTHING, Money, format_count, join, short_name
from ...core.validation import whole_number
from ..answer.answer import notice
from ..data import StudyData
from ..options import Options
from ..questions.method import about as about_runs
from ..questions.pillars import PARTLY, pillars_frame, practices
from ..run import Run, as_run, in_one_currency, of_means, written_in
from ..text.statement import About, Statement, answer_output, html_words
from ..text.tables import Table, require_table, table
from ..verdict import UNKNOWN, WORSE, Verdict
from .gate import MAX_REGRESSION, judge
from .noise import PRIOR_NOISE, Noise, noise, same_code
from .pair import Pair, pair
from .text import about, bill, sentences
from .text import headline as headline_of

if TYPE_CHECKING:
    from ..plot.chart import Chart


@dataclass(frozen=True, eq=False)
class Comparison:
    """One run against one or more others. Shows itself in notebooks; `str()` is plain text.

    `alone` are the runs where there is no pair, `without` why a pair could not be made of some.
    """

    pairs: tuple[Pair, ...]
    monthly_invocations: float = 0
    max_regression: float = MAX_REGRESSION
    noise: Noise = PRIOR_NOISE
    alone: tuple[Run, ...] = ()
    money: Money = DOLLARS
    without: tuple[str, ...] = ()

    @cached_property
    def verdict(self) -> Verdict:
        """Fine, better, worse or unknown, with the reason in one line and every change."""
        verdict = judge(self.pairs, self.alone, self.max_regression)
        if not self.without or verdict.worse:
            return verdict
        return replace(verdict, kind=UNKNOWN, reason=f"cannot tell: {self.without[0]}")

    @property
    def about(self) -> About:
        """Function, place and dates of the runs, in one line."""
        runs = [run for pair in self.pairs for run in (pair.before, pair.after)]
        return about_runs(runs or self.alone, format_count(len(self.runs), "run"))

    @property
    def regressions(self) -> list[str]:
        """What got worse by more than `max_regression`, in words, the worst first."""
        worse = self.verdict.worse if self.verdict.kind == WORSE else ()
        return [finding.text for finding in worse]

    @property
    def cannot_tell(self) -> bool:
        """Whether it cannot be told if something got worse."""
        return self.verdict.kind == UNKNOWN

    @property
    def plot(self) -> "ComparisonPlots":
        """Its figures: `.changes()` and `.by_size()`."""
        return ComparisonPlots(self)

    def table(self, name: str) -> Table:
        """ "overall", "by_size", "findings", "runs" or "pillars" as a readable table."""
        titles = {
            "overall": "Change over all sizes",
            "by_size": "Change by size",
            "findings": "Other differences",
            "runs": "Runs",
            "pillars": "Well-Architected best practices",
        }
        require_table(name, titles)
        frame = self.pillars() if name == "pillars" else getattr(self, name)
        return table(frame, titles[name], money=self.money)

    def pillars(self) -> DataFrame:
        """What the newest run shows of the best practices of the AWS Well-Architected Framework,
        and what comparing adds to it: how usage and benchmarks changed."""
        run = self.pairs[-1].after if self.pairs else self.alone[0]
        options = Options(monthly_invocations=self.monthly_invocations, money=self.money)
        return pillars_frame(
            replace(practice, **self._compared(practice.id))
            for practice in practices(StudyData(run, options))
        )

    def _compared(self, practice: str) -> dict[str, str]:
        """What the comparison itself shows of a best practice; {} where that is nothing."""
        if not self.pairs:
            return {}
        last = self.pairs[-1]
        if practice == "COST05-BP06":
            evidence = " ".join(bill(last, self.monthly_invocations or 1e6, self.money))
            again = "compare again after the next change of code or usage"
            return {"state": PARTLY, "evidence": evidence.removesuffix("."), "next_step": again}
        if practice == "PERF01-BP06":
            counts = join(f"{len(run.samples):,}" for run in (last.before, last.after))
            evidence = f"two runs of {counts} invocations. {headline_of(last).removesuffix('.')}"
            again = "compare before each release (lambdatuning compare)"
            return {"state": PARTLY, "evidence": evidence, "next_step": again}
        return {}

    @property
    def gate(self) -> str:
        """One sentence on whether there is a regression, and why."""
        return str(self.verdict)

    @property
    def nothing(self) -> str:
        """What to do where there is no pair to compare."""
        if self.without:
            return self.gate
        names = ", ".join(short_name(run.function) for run in self.alone)
        manifest = self.alone[0].manifest
        place = join(filter(None, (manifest.architecture, manifest.region)))
        return (
            f"Nothing to compare yet: one run of {names}{f' on {place}' if place else ''} is "
            "stored. "
            "Measure again after a change, and this report says what it changed."
        )

    @property
    def overall(self) -> DataFrame:
        """A row a payload type (and pair), the change over all sizes; see `pair.OVERALL`."""
        return self._stacked("overall")

    @property
    def by_size(self) -> DataFrame:
        """A row a payload type and memory size (and pair); see `pair.BY_SIZE`."""
        return self._stacked("by_size")

    @property
    def runs(self) -> DataFrame:
        """What the runs are, one row each."""
        if not self.pairs:
            names = ["the only one"] if len(self.alone) == 1 else ["before", "after"]
            names += [str(run.run_id) for run in self.alone[2:]]
            return DataFrame(
                [_facts(name, run) for name, run in zip(names, self.alone, strict=True)]
            )
        first = self.pairs[0]
        others = [(pair.names[1], pair.after) for pair in self.pairs]
        named = [(first.names[0], first.before), *others]
        return DataFrame([_facts(name, run) for name, run in named])

    @property
    def findings(self) -> list[Finding]:
        """What else differs between the runs, each finding once, the gravest first."""
        return gravest_first(
            dict.fromkeys(finding for pair in self.pairs for finding in pair.findings)
        )

    def __str__(self) -> str:
        return f"{self.words}\n{self.gate}" if self.pairs else self.nothing

    @property
    def words(self) -> str:
        """What changed and what else differs, as plain text without the gate's line."""
        lines = [
            line for pair in self.pairs for line in (headline_of(pair), *self._sentences(pair))
        ]
        grave = [finding for finding in self.findings if finding.severity != "note"]
        lines += [f"{finding.cause}: {finding.next_step}." for finding in grave]
        return "\n".join(lines)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, object]:
        runs = [run for pair in self.pairs for run in (pair.before, pair.after)]
        headline = " ".join(map(headline_of, self.pairs)) if self.pairs else self.nothing
        return answer_output(headline, [run.function for run in runs or self.alone])

    def _repr_html_(self) -> str:
        if not self.pairs:
            return Statement(self.nothing)._repr_html_()
        lines = "".join(_section(pair, self._sentences(pair)) for pair in self.pairs)
        note = notice(self.pairs[0].before)
        grave = [finding for finding in self.findings if finding.severity != "note"]
        notes = [note] if note else []
        notes += [
            f"{finding.name.capitalize()} ({finding.cause}): {finding.next_step}."
            for finding in grave
        ]
        warned = "".join(f'<p class="lt-notice">{html_words(text)}</p>' for text in notes)
        gate = f'<p class="lt-gate"><strong>{html_words(self.gate)}</strong></p>'
        return f'<section class="lt-answer">{lines}{gate}{warned}</section>'

    def _sentences(self, pair: Pair) -> list[str]:
        return [*sentences(pair), *bill(pair, self.monthly_invocations, self.money)]

    def _stacked(self, name: str) -> DataFrame:
        if not self.pairs:
            return DataFrame()
        frames: list[DataFrame] = [getattr(pair, name) for pair in self.pairs]
        if len(frames) == 1:
            return frames[0]
        lines = [
            frame.assign(run=pair.names[1]) for frame, pair in zip(frames, self.pairs, strict=True)
        ]
        whole = pd.concat(lines, ignore_index=True)
        return whole[["run", *(column for column in whole if column != "run")]]


@dataclass(frozen=True, eq=False)
class ComparisonPlots:
    """The figures of a comparison; `pair` counts the runs that the first one is compared with,
    from 0. None where nothing is compared."""

    comparison: Comparison

    def changes(self, pair: int = 0) -> "Chart | None":
        """A row a payload type: by how much duration and cost changed, with intervals."""
        from .figures import plot_changes

        shown = self._pair(pair)
        return plot_changes(shown) if shown else None

    def by_size(self, pair: int = 0) -> "Chart | None":
        """Small panels, one a payload type: duration against memory in both runs."""
        from .figures import plot_before_after

        shown = self._pair(pair)
        return plot_before_after(shown) if shown else None

    def _pair(self, number: int) -> Pair | None:
        """UsageError for a number that no pair has."""
        pairs = self.comparison.pairs
        return pairs[whole_number("pair", number, 0, len(pairs) - 1)] if pairs else None


def compare(  # noqa: PLR0913
    runs: Sequence[Run | DataFrame],
    *,
    payload_types: str | Sequence[str] = "",
    memory_mb: int | None = None,
    weights: Mapping[str, float] | None = None,
    confidence: float = 0.95,
    monthly_invocations: float = 0,
    max_regression: float = MAX_REGRESSION,
    history: Sequence[Run] = (),
    money: Money = DOLLARS,
    rates: Mapping[str, float] | None = None,
) -> Comparison:
    """Compare the first of the runs with each of the others; one alone makes an empty comparison.

    All payload types that both have or those named (with commas; a published curve has none), over
    all sizes that both have or at `memory_mb` alone. `weights` of the mix are the first
    run's unless given. The intervals of one pair's payload types hold together with `confidence`.
    How much runs of the same code differ is known beforehand (see `noise`), and better where some
    of the `history` are of the first one's code, or several of the others of one. Getting worse is
    a regression from `max_regression` on (0.05 is 5 %). `rates` says what a dollar costs in the
    currencies of runs that are not in dollars: {"CNY": 7.1}.

    Raises:
        UsageError: no run, several functions in one, nothing in common, or costs in several
            currencies, or in another than dollars that `money` must convert, without the rate.
    """
    if not runs:
        raise UsageError("no run to compare; `lambdatuning runs` lists those that are stored")
    loaded = in_one_currency([as_run(run) for run in runs], rates or {})
    written = written_in(loaded[0], money)
    before, *others = (run if of_means(run) else run.select(payload_types) for run in loaded)
    how: dict[str, Any] = {"memory_mb": memory_mb, "weights": weights, "confidence": confidence}
    # Runs before and after never teach each other: their difference is what is asked for.
    judged = {run.run_id for run in others}
    earlier = [run for run in history if run.run_id not in judged]
    noise_of_runs = noise([*same_code([before, *earlier]), *same_code(others)])
    pairs, without = [], []
    for after in others:
        try:
            pairs.append(pair(before, after, noise=noise_of_runs, **how))
        except CannotTellError as exc:
            without.append(str(exc))
    alone = () if pairs else tuple(loaded)
    made = (monthly_invocations, max_regression, noise_of_runs, alone, written, tuple(without))
    return Comparison(tuple(pairs), *made)


def _section(pair: Pair, lines: Sequence[str]) -> str:
    words = "".join(f"<li>{html_words(text)}</li>" for text in lines)
    return (
        f'<p class="lt-headline"><strong>{html_words(headline_of(pair))}</strong></p>'
        f'<p class="lt-runs">{escape(about(pair))}</p><ul>{words}</ul>'
    )


def _facts(name: str, run: Run) -> dict[str, object]:
    return {
        "which": name,
        "run": run.run_id,
        "function": run.function,
        "architecture": run.manifest.architecture or NOTHING,
        "runtime": run.manifest.runtime or NOTHING,
        "today_mb": run.current_memory_mb,
        "samples": len(run.samples),
        "started": str(run.manifest.started_at or NOTHING)[:16].replace("T", " "),
        "code": str(run.manifest.code_sha256 or NOTHING)[:12],
        "prices": str(run.manifest.price_book.version or NOTHING),
    }
