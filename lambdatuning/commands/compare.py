"""`lambdatuning compare`: two or more runs side by side; exit code 3 for a regression."""

import json
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from .manners import show
from .tuning_arguments import STORE

if TYPE_CHECKING:
    from ..analysis.compare.comparison import Comparison


def add_arguments(parser: ArgumentParser) -> None:
    """Which runs, at which size, and how much worse they may be."""
    parser.add_argument(
        "run",
        nargs="*",
        help="run ids or visualization URLs, the one before first (default: the two newest runs)",
    )
    parser.add_argument(
        "--store", default=STORE, help=f"folder or s3://bucket/runs of stored runs ({STORE})"
    )
    parser.add_argument("--function", default="", help="with no run named: of this function")
    parser.add_argument("--payload", default="", help="payload types, with commas (default: all)")
    parser.add_argument("--memory", type=int, metavar="MB", help="this size alone (default: all)")
    parser.add_argument(
        "--max-regression",
        type=float,
        metavar="PERCENT",
        help="how much slower or dearer is no regression (5)",
    )
    parser.add_argument(
        "--history",
        default="",
        metavar="RUNS",
        help='more runs, ids or "latest 9": those of the code before teach how much runs differ',
    )


def run(arguments: Namespace) -> int:
    """Say what changed; RegressionError, exit code 3, where it got significantly worse."""
    from ..analysis.compare.comparison import gate
    from ..core.errors import RegressionError

    comparison = _compared(arguments)
    worse = comparison.regressions
    show(arguments, _data(comparison), comparison.words if worse else str(comparison))
    if worse:
        raise RegressionError(gate(comparison.pairs, comparison.max_regression))
    return 0


def _compared(arguments: Namespace) -> "Comparison":
    from ..analysis.compare.comparison import MAX_REGRESSION, compare
    from ..api.runs import load_runs
    from ..core.errors import UsageError
    from .runs import session

    cloud, percent = session(arguments), arguments.max_regression
    if percent is not None and not percent >= 0:
        raise UsageError(f"--max-regression must be 0 or more per cent, such as 5; not {percent:g}")
    named = arguments.run or "latest 2"
    runs = load_runs(arguments.store, named, function=arguments.function, cloud=cloud)
    if len(runs) < 2:
        raise UsageError(f"only {runs[0].run_id} is there; name two runs, or measure again")
    history = arguments.history and load_runs(
        arguments.store, arguments.history, function=runs[0].function, cloud=cloud
    )
    return compare(
        runs,
        payload_types=arguments.payload,
        memory_mb=arguments.memory,
        max_regression=MAX_REGRESSION if percent is None else percent / 100,
        history=history or (),
    )


def _data(comparison: "Comparison") -> dict[str, Any]:
    return {
        "answer": str(comparison),
        "regressions": comparison.regressions,
        "max_regression": comparison.max_regression,
        "same_code": vars(comparison.noise),
        "changes": _records(comparison.overall),
        "by_size": _records(comparison.by_size),
        "findings": [vars(each) for each in comparison.findings],
    }


def _records(frame: Any) -> Any:
    """Rows as JSON values: NaN is null."""
    return json.loads(frame.to_json(orient="records"))
