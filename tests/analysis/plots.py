"""Every figure that shows memory sizes, of one run."""

from collections.abc import Callable

from lambdatuning.analysis.bill import plot_bill
from lambdatuning.analysis.decision_map import plot_decision_map
from lambdatuning.analysis.pareto import plot_pareto
from lambdatuning.analysis.plot.curves import plot_curves, plot_relative
from lambdatuning.analysis.plot.deadline import plot_deadline
from lambdatuning.analysis.plot.strategies import plot_compromise, plot_strategies

from lambdatuning.analysis.plot.chart import Chart
from lambdatuning.analysis.run import Run

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
