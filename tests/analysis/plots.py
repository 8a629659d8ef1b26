"""Every figure that shows memory sizes, of one run."""

from collections.abc import Callable

from lambdatuning.analysis.figures.bill import plot_bill
from lambdatuning.analysis.figures.chart import Chart
from lambdatuning.analysis.figures.compromise import plot_compromise
from lambdatuning.analysis.figures.curves import plot_curves
from lambdatuning.analysis.figures.deadline import plot_deadline
from lambdatuning.analysis.figures.decision_map import plot_decision_map
from lambdatuning.analysis.figures.pareto import plot_pareto
from lambdatuning.analysis.figures.relative import plot_relative
from lambdatuning.analysis.figures.strategies import plot_strategies
from lambdatuning.analysis.samples.run import Run

Plot = Callable[[Run], Chart | None]

PLOTS: dict[str, Plot] = {
    "curves": plot_curves,
    "strategies": plot_strategies,
    "compromise": plot_compromise,
    "relative": plot_relative,
    "map": plot_decision_map,
    "pareto": plot_pareto,
    "deadline": lambda run: plot_deadline(run, 60),
    "bill": lambda run: plot_bill(run, 1e6),
}
