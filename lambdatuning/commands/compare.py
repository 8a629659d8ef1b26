"""`lambdatuning compare`: two or more runs side by side; exit code 3 for a regression."""

import json
from argparse import ArgumentParser, Namespace
from typing import Any

from .manners import show
from .tuning_arguments import STORE


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
        default=0.0,
        metavar="PERCENT",
        help="how much slower or dearer is no regression (0)",
    )


def run(arguments: Namespace) -> int:
    """Say what changed; RegressionError, exit code 3, where it got significantly worse."""
    from ..analysis.comparing.comparison import compare
    from ..api.runs import load_runs
    from ..core.errors import RegressionError, UsageError
    from .runs import session

    runs = load_runs(
        arguments.store,
        arguments.run or "latest 2",
        function=arguments.function,
        cloud=session(arguments),
    )
    if len(runs) < 2:
        raise UsageError(f"only {runs[0].run_id} is there; name two runs, or measure again")
    comparison = compare(runs, payload_types=arguments.payload, memory_mb=arguments.memory)
    worse = comparison.regressions(arguments.max_regression / 100)
    show(arguments, _data(comparison, worse), str(comparison))
    if worse:
        beyond = f" by more than {arguments.max_regression:g} %" if arguments.max_regression else ""
        raise RegressionError(f"regression{beyond}: {'; '.join(worse)}")
    return 0


def _data(comparison: Any, worse: list[str]) -> dict[str, Any]:
    return {
        "answer": str(comparison),
        "regressions": worse,
        "changes": _records(comparison.overall),
        "by_size": _records(comparison.by_size),
        "findings": [vars(each) for each in comparison.findings],
    }


def _records(frame: Any) -> Any:
    """Rows as JSON values: NaN is null."""
    return json.loads(frame.to_json(orient="records"))
