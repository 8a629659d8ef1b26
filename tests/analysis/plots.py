"""Every figure that shows memory sizes, of one run."""

from collections.abc import Callable

from lambdatuning.analysis.plot.chart import Chart
from lambdatuning.study import Study

Plot = Callable[[Study], Chart | None]

PLOTS: dict[str, Plot] = {
    "curves": lambda study: study.plot.curves(),
    "strategies": lambda study: study.plot.strategies(),
    "compromise": lambda study: study.plot.compromise(),
    "relative": lambda study: study.plot.relative(),
    "map": lambda study: study.plot.decision_map(),
    "pareto": lambda study: study.plot.pareto(),
    "deadline": lambda study: study.plot.deadline(),
    "bill": lambda study: study.plot.bill(),
}
"""The deadline needs a study with one."""
