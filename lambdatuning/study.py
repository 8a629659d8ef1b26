"""A study: one run, the options it is looked at with, and the questions that can be asked."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from pandas import DataFrame

from .analysis.answer.recommendation import decision_of, recommendations_frame
from .analysis.data import StudyData
from .analysis.options import Options
from .analysis.run import Run, as_run, in_one_currency, payload_name, written_in
from .core.decision import Decision
from .core.errors import UsageError, closest
from .core.finding import Finding
from .core.format import Currency, Money, card, format_count, join
from .core.strategies import WORTH
from .core.validation import checked, names

if TYPE_CHECKING:
    from .analysis.answer.answer import Answer, Overview
    from .analysis.answer.first_screen import FirstScreen
    from .analysis.answer.headline import Headline
    from .analysis.plot.chart import Chart
    from .analysis.questions.controls import Controls
    from .analysis.text.statement import About, Statement
    from .analysis.text.tables import Table


class Study(StudyData):
    """What a run says: asked many times, computed once.

    >>> study = Study(run, strategy="cost", monthly_invocations=10e6)  # doctest: +SKIP
    >>> study.answer, study.recommend(), study.plot.curves()  # doctest: +SKIP

    Frames have units in their column names; `table` writes them for readers. In a notebook a study
    shows its answer.
    """

    @checked
    def __init__(  # noqa: PLR0913
        self,
        run: Run | DataFrame,
        *,
        strategy: str | Sequence[str] = (),
        weight: float = 0.5,
        speed_worth: float | None = None,
        cost_tolerance: float | None = None,
        deadline_ms: float = 0,
        quantile: float = 0.95,
        deadline_sure: float = 0.95,
        budget_usd_per_million: float = 0,
        monthly_invocations: float = 0,
        cold_share: float = 0.01,
        today_mb: int | None = None,
        weights: Mapping[str, float] | None = None,
        max_failed: float = 0.1,
        tolerance: float = 0.05,
        confidence: float = 0.95,
        seed: int = 0,
        currency: Currency = "${}",
        per_usd: float = 1.0,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        """Options as `analysis.options.Options` describes them; UsageError for one that cannot be.

        `strategy` is one of "value", "cost", "speed", "balanced", "knee", "deadline" and "budget",
        or several, or "all" whose limit is given; by default the run's own, as are `speed_worth`
        and `cost_tolerance` (0.1 and 0.1 where it names none). `currency` has {} for the
        amount, as in "{} €", at `per_usd` for one US dollar; of a run that is not in dollars,
        `rates` must say what a dollar costs: {"CNY": 7.1}.
        """
        run = in_one_currency([as_run(run)], rates)[0] if rates else run
        worth = run.worth if isinstance(run, Run) else WORTH
        options = Options(
            weight=weight,
            speed_worth=worth.speed_worth if speed_worth is None else speed_worth,
            cost_tolerance=worth.cost_tolerance if cost_tolerance is None else cost_tolerance,
            deadline_ms=deadline_ms,
            quantile=quantile,
            deadline_sure=deadline_sure,
            budget_usd_per_million=budget_usd_per_million,
            monthly_invocations=monthly_invocations,
            cold_share=cold_share,
            today_mb=today_mb,
            weights=weights,
            max_failed=max_failed,
            tolerance=tolerance,
            confidence=confidence,
            seed=seed,
            money=written_in(as_run(run), Money(currency, per_usd)),
        )
        super().__init__(run, _choosing(options, strategy))
        _check_weights(weights or {}, self.run)

    @classmethod
    def validate(
        cls,
        *,
        strategy: str | Sequence[str] = (),
        currency: Currency = "${}",
        per_usd: float = 1.0,
        **options: Any,
    ) -> None:
        """UsageError for options that no study takes, before a run is measured and paid for.

        Which payload types `weights` may name, and whether costs are in dollars, a run tells.
        """
        given = {
            name: value
            for name, value in options.items()
            if name not in _BY_RUN or (value is not None and name != "rates")
        }
        _choosing(Options(**given, money=Money(currency, per_usd)), strategy)

    @property
    def about(self) -> "About":
        """Function, place, date and how much was measured, in one line."""
        from .analysis.questions.method import about_study

        return about_study(self)

    def front(self, question: str = "") -> "FirstScreen":
        """What stands first in a report: the decision with three cards, below what is found about
        "payload_types", "strategies" or "cold_starts". UsageError for another question."""
        from .analysis.answer.first_screen import front

        return front(self, question)

    @cached_property
    def answer(self) -> "Answer":
        """What to set, in sentences."""
        from .analysis.answer.answer import answer

        return answer(self)

    @property
    def headline(self) -> "Headline":
        """What to set, what that changes and how sure it is, with `cards`; of several functions
        that of the first (see `headlines`)."""
        return self.headlines[0]

    @property
    def headlines(self) -> tuple["Headline", ...]:
        """One for each function (and architecture)."""
        from .analysis.answer.headline import headlines

        return headlines(self)

    @cached_property
    def overview(self) -> "Overview":
        """The answer as cards, one for the mix and for each payload type."""
        from .analysis.answer.answer import overview

        return overview(self)

    @property
    def decision(self) -> Decision:
        """The answer as a record, the same for every kind of run."""
        return decision_of(self)

    def to_json(self) -> dict[str, Any]:
        """The answer and the curves behind it as plain values, the same for every kind of run:
        `schema`, `decision`, `headlines` and `curves`; what cannot be known is None."""
        from .analysis.answer.as_json import answer_json

        return answer_json(self)

    def to_markdown(self, figure: str = "") -> str:
        """The answer for a pull request; `figure` is the address of a picture."""
        from .analysis.answer.as_markdown import markdown

        return markdown(self, figure)

    @property
    def cold_answer(self) -> "Statement":
        """Whether cold starts change which size is best, and what they cost."""
        from .analysis.questions.cold_share import cold_answer

        return cold_answer(self)

    def recommend(self, strategy: str | Sequence[str] = ()) -> DataFrame:
        """One row for each payload type and the mix, and strategy: by default all that have what
        they need.

        Columns as `analysis.answer.recommendation.Recommendation`: the best size (`memory_mb`), its
        mean (`mean_ms`) and `cost_per_million_usd`, how `sure` it is, the sizes `as_good_mb`, and
        `saving` (a share of today's cost) and `speedup` (a factor). UsageError for a strategy that
        is unknown, or whose limit the study does not have.
        """
        return recommendations_frame(self, _names(strategy) or self.options.choices)

    def summary(self) -> DataFrame:
        """One row for each payload type and size: how many invocations, means with their 95 %
        intervals, quantiles (ms), costs (US dollars), and how both compare with today's size; what
        was sampled, also of an adaptive run. Columns as `analysis.summary.summarise` has them."""
        return self.cell_summaries

    def predict(self, sizes: Sequence[int] = ()) -> DataFrame:
        """Sizes between the measured ones (all, or those given), each marked as `predicted`, with
        95 % intervals of mean duration (ms) and cost (US dollars). UsageError for a size outside of
        the measured ones."""
        from .analysis.predicted import predict

        return predict(self, sizes)

    def checks(self) -> list[Finding]:
        """What may mislead, the gravest first, each with its cause and what to do; [] if all is
        well."""
        from .analysis.questions.checks import checks

        return checks(self)

    def bill(self) -> DataFrame:
        """What each choice costs a month and a year: a row for today's size and for each strategy,
        amounts in US dollars (`month_usd` with its 95 % interval, `year_saving_usd` ...)."""
        from .analysis.questions.bill import bill

        return bill(self)

    def pillars(self) -> DataFrame:
        """What this run shows of the best practices of the AWS Well-Architected Framework that
        memory tuning touches: a row each, with `state`, `evidence` and `next_step`."""
        from .analysis.questions.pillars import pillars

        return pillars(self)

    def evidence(self) -> dict[str, object]:
        """The same as plain values, with their `schema_version`: JSON for a workload review."""
        from .analysis.questions.pillars import evidence

        return evidence(self)

    def pareto(self) -> DataFrame:
        """Which sizes are worth choosing between: a row for each payload type (and the mix) and
        size, `efficient` where no other size is both faster and cheaper."""
        from .analysis.questions.pareto import pareto

        return pareto(self)

    def cold_starts(self) -> DataFrame:
        """What cold starts take (ms) and cost (US dollars per million) beyond warm invocations: a
        row a size with cold starts; empty without any."""
        from .analysis.questions.cold_starts import cold_starts

        return cold_starts(self)

    def cold_decisions(self, strategy: str | Sequence[str] = ()) -> DataFrame:
        """The best size in each range of cold shares (0 to 1), by payload type and strategy."""
        from .analysis.questions.cold_share import cold_decisions, strategies_of

        return cold_decisions(self, _names(strategy) or strategies_of(self))

    def steps(self) -> DataFrame:
        """The steps of an adaptive run: what each measured, what was spent (US dollars) and known
        by then; empty for a grid."""
        from .analysis.questions.adaptive import steps

        return steps(self.run)

    def method(self) -> "Table":
        """How it was measured."""
        from .analysis.questions.method import method

        return method(self)

    def controls(self) -> "Controls":
        """The bill with sliders for volume, weight and deadline; a plain figure in reports."""
        from .analysis.questions.controls import controls

        return controls(self)

    @property
    def plot(self) -> "StudyPlots":
        """The figures, each with an alternative text: `.curves()`, `.pareto()`, `.bill()`, ..."""
        return StudyPlots(self)

    def table(self, name: str) -> "Table":
        """A frame as a readable table: "recommend", "durations", "costs", "summary", "checks",
        "bill", "pareto", "predict", "cold_starts", "cold_decisions", "steps" or "pillars".
        UsageError for another name."""
        from .analysis.questions.bill import volume
        from .analysis.text.tables import require_table, table

        require_table(name, TABLES)
        method, caption, columns = TABLES[name]
        frame = self._modelled() if method == "summary" else getattr(self, method)()
        if name == "bill":
            caption = f"Bill a month, yours at {format_count(round(volume(self)), 'invocation')}"
        return table(frame, caption, columns, self.money)

    def _modelled(self) -> DataFrame:
        """The summary for readers: an adaptive run's figures are its model's, as in the answer."""
        from .analysis.questions.adaptive import modelled

        return modelled(self)

    def __dir__(self) -> list[str]:
        """What can be asked; not what questions themselves are computed of."""
        return [name for name in super().__dir__() if name not in _BEHIND]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.run.payloads)

    def __getitem__(self, payload: str) -> "Study":
        """The study of one payload type, with the same options."""
        name = payload_name(payload)

        def selected() -> Study:
            other = Study(self.run.select([name]))
            other.options = self.options
            if len(self.parts) == 1 and other.cells.keys() <= self.cells.keys():
                other.resampled = {key: self.resampled[key] for key in other.cells}
            return other

        return self.once(("payload", name), selected)

    def __repr__(self) -> str:
        return f"Study({self.run!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, object]:
        return self.answer._repr_mimebundle_(**kwargs)

    def _repr_html_(self) -> str:
        return self.answer._repr_html_() + card("Measured", self.run.facts())


_BEHIND = frozenset(
    ("cell_summaries", "cells", "cold_only", "once", "placed", "resampled", "sample_curves")
)
"""Names of a study that the Tab key leaves out."""


def _check_weights(weights: Mapping[str, float], run: Run) -> None:
    """UsageError for a payload type that the run does not have."""
    for name in weights:
        if name not in run.payloads:
            hint = closest(name, run.payloads)
            raise UsageError(f'weights: no payload type "{name}" in this run; {hint}')


_BY_RUN = ("speed_worth", "cost_tolerance", "rates")
"""What a study takes from its run where it is None, or only a run can tell."""


def _choosing(options: Options, strategy: str | Sequence[str]) -> Options:
    """The options with these strategies: () for "", for "all" those whose limit is given."""
    return replace(options, strategy=options.choices if strategy == "all" else _names(strategy))


def _names(strategy: str | Sequence[str]) -> tuple[str, ...]:
    listed = names("strategy", strategy)
    return tuple(name for name in ((listed,) if isinstance(listed, str) else listed) if name)


_CELL = ("function", "architecture", "payload", "memory_mb")


class TableOf(NamedTuple):
    """A table of a study: the method whose frame it shows, its caption, the columns shown (() for
    all)."""

    method: str
    caption: str
    columns: tuple[str, ...] = ()


TABLES: Mapping[str, TableOf] = {
    "recommend": TableOf("recommend", "Recommendations"),
    "summary": TableOf("summary", "All numbers"),
    "durations": TableOf(
        "summary",
        "Durations",
        (
            *(*_CELL, "n", "cold", "failed", "mean_ms", "sample_mean_ms"),
            *("p50_ms", "p90_ms", "p95_ms", "p99_ms"),
        ),
    ),
    "costs": TableOf(
        "summary",
        "Costs",
        (
            *(*_CELL, "cost_usd", "cost_per_million_usd", "sample_per_million_usd"),
            *("relative_cost", "saving", "speedup"),
            *("step_saving", "step_speedup", "environments", "max_memory_mb", "init_ms_p50"),
        ),
    ),
    "checks": TableOf("checks", "Checks"),
    "bill": TableOf(
        "bill",
        "Bill",
        (
            *("function", "architecture", "choice", "memory_mb", "mean_ms", "month_usd"),
            *("at_1_million_usd", "at_10_million_usd", "at_100_million_usd", "saving", "speedup"),
            *("probability_cheaper", "year_saving_usd", "reason"),
        ),
    ),
    "pareto": TableOf("pareto", "Speed against cost"),
    "predict": TableOf("predict", "Sizes between the measured ones"),
    "cold_starts": TableOf("cold_starts", "Cold starts"),
    "cold_decisions": TableOf(
        "cold_decisions",
        "Best size by share of cold starts",
        ("function", "payload", "strategy", "memory_mb", "from_share", "to_share"),
    ),
    "steps": TableOf("steps", "Steps of the adaptive run"),
    "pillars": TableOf("pillars", "Well-Architected best practices"),
}
"""The tables of a study, by their names in `Study.table`."""


class StudyPlots:
    """The figures of a study, each a `Chart`: it shows itself, and `save` writes it.

    `payload` and `payloads` name payload types (several with commas or as a list; default: all, or
    the mix); UsageError for one that was not measured. None where there is nothing to draw.
    """

    def __init__(self, study: StudyData) -> None:
        self._study = study

    def __repr__(self) -> str:
        names = [name for name in vars(type(self)) if not name.startswith("_")]
        return f"Figures of {self._study.run!r}: {join(f'.{name}()' for name in names)}"

    def choice(self) -> "Chart":
        """Why this size: cost and duration of the mix, and the cost of each payload type."""
        from .analysis.answer.why_this_size import plot_choice

        return plot_choice(self._study)

    def curves(self, payloads: str | Sequence[str] = "", *, samples: bool | None = None) -> "Chart":
        """Duration and cost against memory, a line a payload type."""
        from .analysis.questions.curves import plot_curves

        return plot_curves(self._study, payloads, samples=samples)

    def relative(self, payloads: str | Sequence[str] = "") -> "Chart":
        """What memory buys in speed and what it costs, a panel a payload type."""
        from .analysis.questions.curves import plot_relative

        return plot_relative(self._study, payloads)

    def strategies(self, strategies: str | Sequence[str] = ()) -> "Chart":
        """The best size of each payload type under each strategy: the study's own, and cost,
        balanced and speed."""
        from .analysis.questions.payload_types import plot_strategies

        return plot_strategies(self._study, _names(strategies))

    def compromise(self, strategy: str = "cost") -> "Chart":
        """What one size for all costs each payload type."""
        from .analysis.questions.payload_types import plot_compromise

        return plot_compromise(self._study, strategy)

    def decision_map(self) -> "Chart | None":
        """The best size as cost counts for more and speed for less."""
        from .analysis.questions.decision_map import plot_decision_map

        return plot_decision_map(self._study)

    def pareto(self, payload: str = "") -> "Chart | None":
        """Mean duration against cost, a point a size."""
        from .analysis.questions.pareto import plot_pareto

        return plot_pareto(self._study, payload)

    def deadline(self, payload: str = "") -> "Chart | None":
        """Which sizes keep the deadline; None without one."""
        from .analysis.questions.deadline import plot_deadline

        return plot_deadline(self._study, payload)

    def bill(self) -> "Chart":
        """The monthly bill of each choice."""
        from .analysis.questions.bill import plot_bill

        return plot_bill(self._study)

    def cold_starts(self) -> "Chart | None":
        """Time to start an environment against memory; None without a cold start."""
        from .analysis.questions.cold_starts import plot_init

        return plot_init(self._study)

    def cold_share(self, *, payload: str = "", function: str = "") -> "Chart | None":
        """Cost, duration and the best size as the share of cold starts grows."""
        from .analysis.questions.cold_share import plot_cold_share

        return plot_cold_share(self._study, payload=payload, function=function)

    def exploration(self, payloads: str | Sequence[str] = "") -> "Chart | None":
        """How an adaptive run learnt its curves; None for a grid."""
        from .analysis.questions.adaptive_figure import plot_exploration

        return plot_exploration(self._study, payloads)
