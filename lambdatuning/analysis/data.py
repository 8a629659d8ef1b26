"""What is computed of a run once and asked many times: summary, resamples, curves, answers."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Any, Self, TypeVar

import pandas as pd
from pandas import DataFrame

from ..core.errors import UsageError
from ..core.format import Money, short_name
from ..core.sizes import Host
from ..core.statistics.means import placed
from . import intervals
from .curves import MIX, Curve, make_curves
from .intervals import Cell, Floats
from .model import model_curves
from .options import Options
from .run import Run, apart, as_run, names_of
from .summary import resample, summarise

T = TypeVar("T")


class StudyData:
    """A run and the options it is looked at with, and all that is computed from both, once.

    Questions (`analysis.questions`) take it; `Study` is the same with the questions as methods.
    """

    def __init__(self, run: Run | DataFrame, options: Options, name: str = "") -> None:
        self.run = as_run(run)
        self.options = options
        self.name = name or short_name(self.run.function)
        """What it is called, no longer than tells it from the other parts of a study."""
        self._memo: dict[Hashable, Any] = {}
        if self.run.samples.empty:
            raise UsageError(f"run {self.run.run_id or '(unnamed)'} has no samples; measure first")

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What `compute` returns, computed the first time that `key` is asked for."""
        if key not in self._memo:
            self._memo[key] = compute()
        value: T = self._memo[key]
        return value

    @cached_property
    def parts(self) -> Sequence["StudyData"]:
        """Each function (and architecture) of the run by itself, in order of their names."""
        runs = apart(self.run)
        if len(runs) == 1:
            return [self]
        named = zip(runs, names_of(runs), strict=True)
        return [StudyData(run, self.options, name) for run, name in named]

    @property
    def money(self) -> Money:
        """How amounts are written."""
        return self.options.money

    @property
    def host(self) -> Host | None:
        """The machine whose cores bound what could be told apart; None on AWS."""
        return self.run.host

    @property
    def today_mb(self) -> int | None:
        """The size of the function when the run started, or as the options say."""
        stated_mb = self.options.today_mb
        return self.run.current_memory_mb if stated_mb is None else stated_mb

    @property
    def strategies(self) -> tuple[str, ...]:
        """The strategies that are answered: those asked for, or the run's own."""
        return self.options.strategy or (self.run.strategy,)

    @property
    def weights(self) -> Mapping[str, float]:
        """The weight of each payload type in the mix."""
        return self.run.weights if self.options.weights is None else self.options.weights

    @property
    def cold_only(self) -> bool:
        """Whether every successful invocation was a cold start: these answer then."""
        return self.run.cold_only

    @property
    def measured(self) -> DataFrame:
        """The samples that statistics are made of; see `Run.measured`."""
        return self.run.measured

    @cached_property
    def placed(self) -> bool:
        """Whether it is known which execution environments were measured; of a grid, at each size.

        Else nothing is known of how hosts differ, hence of how sure any answer is.
        """
        names = self.measured["environment"].astype(str)
        if self.run.adaptive:
            return placed(names.tolist())
        return all(placed(own.tolist()) for _, own in names.groupby(self.measured["memory_mb"]))

    @cached_property
    def cells(self) -> Mapping[intervals.Key, Cell]:
        """Durations and costs by payload type and size, and how their means err.

        Cells lend each other what they know of errors within one function alone.
        """
        if len(self.parts) > 1:
            return {key: cell for part in self.parts for key, cell in part.cells.items()}
        return self.run.cells

    @cached_property
    def cell_summaries(self) -> DataFrame:
        """See `analysis.summary.summarise`."""
        if len(self.parts) > 1:
            return pd.concat([part.cell_summaries for part in self.parts], ignore_index=True)
        return summarise(self.run, self.measured, self.cells, self.today_mb, self.options)

    @cached_property
    def resampled(self) -> Mapping[intervals.Key, Floats]:
        """Resampled means of duration and cost (RESAMPLES x 2) of each cell."""
        return dict(resample(self.cells, self.options.seed))

    @cached_property
    def curves(self) -> Sequence[Curve]:
        """One for each payload type, the mix last; of several functions one after the other.

        An adaptive run has the curves of its model: its few samples a size say little alone.
        """
        if len(self.parts) > 1:
            return [curve for part in self.parts for curve in part.curves]
        return (
            model_curves(
                self.run, self.cell_summaries, self.options, self.weights, sure=self.placed
            )
            or self.sample_curves
        )

    @cached_property
    def sample_curves(self) -> Sequence[Curve]:
        """The curves of one function by its samples alone, also of an adaptive run."""
        return make_curves(
            self.cell_summaries, self.resampled, self.weights, self.options.max_failed, self.host
        )

    def curve(self, payload: str = "") -> Curve | None:
        """The curve of a payload type of the only function; by default of the mix, or the only one.

        None where there is none. UsageError for a payload type that was not measured.
        """
        if payload and payload != MIX:
            self.run.select(payload)
        own = [curve for curve in self.curves if not payload or curve.payload == payload]
        return own[-1] if own else None

    def with_options(self, **changed: Any) -> Self:
        """The same with other options (see `Options`); what does not depend on them is kept."""
        depends = bool(_SHAPE_CURVES & changed.keys())
        names = {"run", "name", *(() if depends else _WITHOUT_OPTIONS)}
        other = copy(self)
        other.__dict__ = {name: value for name, value in vars(self).items() if name in names}
        other.options = replace(self.options, **changed)
        other._memo = {}
        if not depends and len(self.parts) > 1:
            other.__dict__["parts"] = [part.with_options(**changed) for part in self.parts]
        return other


_SHAPE_CURVES = frozenset(("weights", "max_failed", "tolerance", "confidence", "seed", "today_mb"))
"""Options that summary and curves are computed with."""

_WITHOUT_OPTIONS = ("placed", "cells", "cell_summaries", "resampled", "curves")
"""What is computed without any other option."""
