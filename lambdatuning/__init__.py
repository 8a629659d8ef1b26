"""How much memory should a Lambda function have, and what does it cost?

The way data takes:

    payload types -> tuning run -> samples -> run store -> DataFrames -> curves and decisions
    -> figures and sentences -> notebook -> HTML

The sample, one row an invocation, is the atom; everything above it is computed from samples.

The rooms, imports going one way, downwards:

    cli             the command line, a module per group of commands
    api             the public functions below, which commands and notebooks call
    schedules       every night: one night's work, what prints and deploys a schedule of it
    publishing      a verdict for machines: JUnit, GitHub, comment, badge, exports
    study           Study: one run and the options it is looked at with; computed once, asked often
    reporting       strict papermill run, progress, HTML
    analysis        pandas: frames, curves; `answer/` is what a run says, `questions/` has a module
                    per question (bill, deadline, Pareto, cold starts ...) with its numbers, words
                    and figure; `compare/` puts runs side by side, `history/` in a row
    cloud           the boto3 edge: session, stack, tuning, run store
    workspace       the user's folder: settings, and files that come with the package
    local           the embedded AWS: server, runtimes, limiters, the seam to its other services
    functions       what is deployed: the DynamoDBManager handler and the tuner
    core            the rules, standard library only, no I/O: `decision` (the one answer), pricing,
                    strategies; `tuning/` (a run as data), `statistics/`, `exploration/` (the model
                    of adaptive runs), `power_tuning/` (the contract's own rules)

`cloud` also imports `functions`: what the tuner does on AWS (cleaning up, say), a client can do
when the tuner is gone. `local` imports `core` alone.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "import_logs": "api.logs",
    "LambdaTuningError": "core.errors",
    "PayloadType": "core.tuning.payloads",
    "Study": "study",
    "benchmark": "api.tuning",
    "compare": "api.compare",
    "connect": "cloud.session",
    "deploy": "api.stack",
    "destroy": "api.stack",
    "embedded": "api.stack",
    "history": "api.history",
    "load": "api.runs",
    "report": "reporting.report",
    "runs": "api.runs",
    "status": "api.stack",
    "tune": "api.tuning",
}
"""Where each public name lives, below the package."""

__all__ = [
    "LambdaTuningError",
    "PayloadType",
    "Study",
    "benchmark",
    "compare",
    "connect",
    "deploy",
    "destroy",
    "embedded",
    "history",
    "import_logs",
    "load",
    "report",
    "runs",
    "status",
    "tune",
]

if TYPE_CHECKING:
    from .api.compare import compare
    from .api.history import history
    from .api.logs import import_logs
    from .api.runs import load, runs
    from .api.stack import deploy, destroy, embedded, status
    from .api.tuning import benchmark, tune
    from .cloud.session import connect
    from .core.errors import LambdaTuningError
    from .core.tuning.payloads import PayloadType
    from .reporting.report import report
    from .study import Study


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: nothing heavy is loaded before."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message, name=name, obj=sys.modules[__name__])
    try:
        module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    except ImportError as exc:
        from .workspace.extras import missing_extra

        raise missing_extra(exc) or exc from exc
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
