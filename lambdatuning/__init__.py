"""How much memory should a Lambda function have, and what does it cost?

The way data takes:

    payload types -> tuning run -> samples -> run store -> DataFrames -> curves and decisions
    -> figures and sentences -> notebook -> HTML

The sample, one row an invocation, is the atom; everything above it is computed from samples.

The rooms, imports going one way, downwards:

    cli             the command line; thin
    api             the public functions below, which commands and notebooks call
    reporting       strict papermill run, progress, HTML
    analysis        pandas: frames, intervals, recommendations, checks, figures
    cloud           the boto3 edge: session, stack, executions, run store
    workspace       the user's folder: settings, and files that come with the package
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
    "embedded": "api.stack",
    "deploy": "api.stack",
    "status": "api.stack",
    "destroy": "api.stack",
    "load_payload_types": "cloud.payloads",
    "PayloadType": "core.payloads",
    "tune": "api.tuning",
    "benchmark": "api.tuning",
    "executions": "api.executions",
    "show": "api.executions",
    "Run": "analysis.run",
    "runs": "api.runs",
    "load_run": "api.runs",
    "load_runs": "api.runs",
    "load": "api.runs",
    "compare": "analysis.compare.comparison",
    "use_currency": "analysis.text.format",
    "cold_starts": "analysis.cold_starts",
    "cold_decisions": "analysis.cold_starts",
    "cold_answer": "analysis.cold_starts",
    "plot_init": "analysis.plot.cold",
    "plot_cold_share": "analysis.plot.cold",
    "plot_comparison": "analysis.plot.compare",
    "plot_before_after": "analysis.plot.compare",
    "summarise": "analysis.summary",
    "recommend": "analysis.recommend",
    "answer": "analysis.answer",
    "checks": "analysis.checks",
    "overview": "analysis.answer",
    "method": "analysis.method",
    "table": "analysis.text.tables",
    "exploration": "analysis.adaptive",
    "exploration_answer": "analysis.adaptive",
    "predictions": "analysis.adaptive",
    "plot_exploration": "analysis.adaptive",
    "plot_curves": "analysis.plot.curves",
    "plot_strategies": "analysis.plot.strategies",
    "plot_compromise": "analysis.plot.strategies",
    "plot_relative": "analysis.plot.curves",
    "pareto": "analysis.pareto",
    "predict": "analysis.predicted",
    "decisions": "analysis.decision_map",
    "bill": "analysis.bill",
    "choices": "analysis.goals",
    "controls": "analysis.plot.controls",
    "read_reports": "api.logs",
    "import_logs": "api.logs",
    "plot_decision_map": "analysis.decision_map",
    "plot_pareto": "analysis.pareto",
    "plot_deadline": "analysis.plot.deadline",
    "plot_bill": "analysis.bill",
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
    "import_logs",
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
    from .analysis.adaptive import exploration, exploration_answer, plot_exploration, predictions
    from .analysis.answer import answer, overview
    from .analysis.bill import bill, plot_bill
    from .analysis.checks import checks
    from .analysis.cold_starts import cold_answer, cold_decisions, cold_starts
    from .analysis.compare.comparison import compare
    from .analysis.decision_map import decisions, plot_decision_map
    from .analysis.goals import choices
    from .analysis.method import method
    from .analysis.pareto import pareto, plot_pareto
    from .analysis.plot.cold import plot_cold_share, plot_init
    from .analysis.plot.compare import plot_before_after, plot_comparison
    from .analysis.plot.controls import controls
    from .analysis.plot.curves import plot_curves, plot_relative
    from .analysis.plot.deadline import plot_deadline
    from .analysis.plot.strategies import plot_compromise, plot_strategies
    from .analysis.predicted import predict
    from .analysis.recommend import recommend
    from .analysis.run import Run
    from .analysis.summary import summarise
    from .analysis.text.format import use_currency
    from .analysis.text.tables import table
    from .api.executions import executions, show
    from .api.logs import import_logs, read_reports
    from .api.runs import load, load_run, load_runs, runs
    from .api.stack import deploy, destroy, embedded, status
    from .api.tuning import benchmark, tune
    from .cloud.payloads import load_payload_types
    from .cloud.session import connect
    from .core.errors import LambdaTuningError
    from .core.payloads import PayloadType
    from .reporting.report import report


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: nothing heavy is loaded before."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    except ImportError as exc:
        from .workspace.extras import missing_extra

        raise missing_extra(exc) or exc from exc
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
