"""How much memory should a Lambda function have, and what does it cost?

The way data takes:

    payload types -> tuning run -> samples -> run store -> DataFrames -> curves and decisions
    -> figures and sentences -> notebook -> HTML

The sample, one row an invocation, is the atom; everything above it is computed from samples.

The rooms, imports going one way, downwards:

    cli, commands   the command line; thin
    api             the public functions below, which commands and notebooks call
    reporting       strict papermill run, progress, HTML
    analysis        pandas: frames, intervals, recommendations, checks, figures
    cloud           the boto3 edge: session, stack, executions, run store
    local           the embedded AWS: a Lambda whose speed follows its memory size
    functions       what is deployed: the DynamoDBManager handler and the tuner
    core            the rules, standard library only, no I/O

`cloud` also imports `functions`: what the tuner does on AWS (cleaning up, say), a client can do
when the tuner is gone. `local` imports `core` alone.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "connect": "cloud.session",
    "embedded": "api.embedded",
    "deploy": "api.stack",
    "status": "api.stack",
    "destroy": "api.stack",
    "load_payload_types": "cloud.payload_files",
    "PayloadType": "core.payloads",
    "tune": "api.tuning",
    "benchmark": "api.tuning",
    "executions": "api.executions",
    "show": "api.executions",
    "Run": "analysis.samples.run",
    "runs": "api.runs",
    "load_run": "api.runs",
    "load_runs": "api.runs",
    "load": "api.runs",
    "compare": "analysis.comparing.comparison",
    "use_currency": "analysis.telling.format",
    "cold_starts": "analysis.cold.starts",
    "cold_decisions": "analysis.cold.decisions",
    "cold_answer": "analysis.cold.answer",
    "plot_init": "analysis.figures.cold_init",
    "plot_cold_share": "analysis.figures.cold",
    "plot_comparison": "analysis.figures.compare",
    "plot_before_after": "analysis.figures.compare",
    "summarise": "analysis.statistics.summary",
    "recommend": "analysis.choice.recommend",
    "answer": "analysis.telling.answer",
    "checks": "analysis.checks.findings",
    "overview": "analysis.telling.overview",
    "method": "analysis.telling.method",
    "table": "analysis.telling.tables",
    "exploration": "analysis.choice.exploration",
    "exploration_answer": "analysis.choice.exploration",
    "predictions": "analysis.choice.exploration",
    "plot_exploration": "analysis.figures.exploration",
    "plot_curves": "analysis.figures.curves",
    "plot_strategies": "analysis.figures.strategies",
    "plot_compromise": "analysis.figures.compromise",
    "plot_relative": "analysis.figures.relative",
    "pareto": "analysis.choice.pareto",
    "predict": "analysis.statistics.predicted",
    "decisions": "analysis.choice.decisions",
    "bill": "analysis.choice.bill",
    "choices": "analysis.choice.goals",
    "controls": "analysis.figures.controls",
    "read_reports": "api.logs",
    "plot_decision_map": "analysis.figures.decision_map",
    "plot_pareto": "analysis.figures.pareto",
    "plot_deadline": "analysis.figures.deadline",
    "plot_bill": "analysis.figures.bill",
    "report": "reporting.report",
    "LambdaTuningError": "core.errors",
}

__all__ = [
    "LambdaTuningError",
    "PayloadType",
    "Run",
    "answer",
    "benchmark",
    "bill",
    "checks",
    "choices",
    "cold_answer",
    "cold_decisions",
    "cold_starts",
    "compare",
    "connect",
    "controls",
    "decisions",
    "deploy",
    "destroy",
    "embedded",
    "executions",
    "exploration",
    "exploration_answer",
    "load",
    "load_payload_types",
    "load_run",
    "load_runs",
    "method",
    "overview",
    "pareto",
    "plot_before_after",
    "plot_bill",
    "plot_cold_share",
    "plot_comparison",
    "plot_compromise",
    "plot_curves",
    "plot_deadline",
    "plot_decision_map",
    "plot_exploration",
    "plot_init",
    "plot_pareto",
    "plot_relative",
    "plot_strategies",
    "predict",
    "predictions",
    "read_reports",
    "recommend",
    "report",
    "runs",
    "show",
    "status",
    "summarise",
    "table",
    "tune",
    "use_currency",
]

if TYPE_CHECKING:
    from .analysis.checks.findings import checks
    from .analysis.choice.bill import bill
    from .analysis.choice.decisions import decisions
    from .analysis.choice.exploration import exploration, exploration_answer, predictions
    from .analysis.choice.goals import choices
    from .analysis.choice.pareto import pareto
    from .analysis.choice.recommend import recommend
    from .analysis.cold.answer import cold_answer
    from .analysis.cold.decisions import cold_decisions
    from .analysis.cold.starts import cold_starts
    from .analysis.comparing.comparison import compare
    from .analysis.figures.bill import plot_bill
    from .analysis.figures.cold import plot_cold_share
    from .analysis.figures.cold_init import plot_init
    from .analysis.figures.compare import plot_before_after, plot_comparison
    from .analysis.figures.compromise import plot_compromise
    from .analysis.figures.controls import controls
    from .analysis.figures.curves import plot_curves
    from .analysis.figures.deadline import plot_deadline
    from .analysis.figures.decision_map import plot_decision_map
    from .analysis.figures.exploration import plot_exploration
    from .analysis.figures.pareto import plot_pareto
    from .analysis.figures.relative import plot_relative
    from .analysis.figures.strategies import plot_strategies
    from .analysis.samples.run import Run
    from .analysis.statistics.predicted import predict
    from .analysis.statistics.summary import summarise
    from .analysis.telling.answer import answer
    from .analysis.telling.format import use_currency
    from .analysis.telling.method import method
    from .analysis.telling.overview import overview
    from .analysis.telling.tables import table
    from .api.embedded import embedded
    from .api.executions import executions, show
    from .api.logs import read_reports
    from .api.runs import load, load_run, load_runs, runs
    from .api.stack import deploy, destroy, status
    from .api.tuning import benchmark, tune
    from .cloud.payload_files import load_payload_types
    from .cloud.session import connect
    from .core.errors import LambdaTuningError
    from .core.payloads import PayloadType
    from .reporting.report import report


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: nothing heavy is loaded before."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
