"""Results of others: executions of any tuner, and curves that were published as a URL."""

from datetime import datetime
from typing import TypedDict

from pandas import DataFrame

from ..cloud.executions import Execution, cause, describe, has_answer, list_executions
from ..cloud.session import Cloud
from ..core.arn import function_name
from ..core.errors import LambdaTuningError, UsageError
from ..core.power_tuning.answer import TunerAnswer
from ..core.power_tuning.visualization import decode_visualization
from ..core.validation import Count, checked


class ExecutionRow(TypedDict, total=False):
    """A row of `executions`; one that cannot be read has its names, status and cause alone."""

    execution: str
    function: str
    status: str
    strategy: str
    power: int | None
    cost_usd: float | None
    duration_ms: float | None
    lambda_cost_usd: float | None
    started_at: datetime
    wall_ms: float | None
    cause: str
    visualization: str | None
    execution_arn: str


EXECUTION_COLUMNS = tuple(ExecutionRow.__annotations__)
UNREADABLE = "UNREADABLE"
"""Status of an execution whose input or output is of no form that a tuner gives."""

CURVE_COLUMNS = ("run", "memory_mb", "duration_ms", "cost_usd", "cost", "currency")


@checked
def executions(cloud: Cloud, state_machine: str, *, limit: Count = 100) -> DataFrame:
    """Past executions of a state machine, ours or AWS Lambda Power Tuning's, newest first.

    `status` is FAILED also for those that ended SUCCEEDED without an answer, which is how Power
    Tuning fails; `cause` then says why, from their history. Dry runs have no answer either. One
    that cannot be read is UNREADABLE. The ARN of an execution gives that one alone. UsageError for
    no ARN, NotFoundError without the state machine or execution.
    """
    if not state_machine.startswith("arn:"):
        raise UsageError(f"{state_machine}: name the state machine, or one execution, by its ARN")
    if ":execution:" in state_machine:
        return _frame([_row(cloud, describe(cloud, state_machine))])
    return _frame([_row_of(cloud, arn) for arn in list_executions(cloud, state_machine, limit)])


def _frame(rows: list[ExecutionRow]) -> DataFrame:
    return DataFrame(rows, columns=list(EXECUTION_COLUMNS))


def _row_of(cloud: Cloud, arn: str) -> ExecutionRow:
    """The row of one execution among others; one that cannot be read is named and stops none."""
    try:
        return _row(cloud, describe(cloud, arn))
    except (LambdaTuningError, AttributeError, KeyError, TypeError, ValueError) as exc:
        return {
            "execution": arn.rpartition(":")[2],
            "execution_arn": arn,
            "status": UNREADABLE,
            "cause": f"it cannot be read: {exc}",
        }


def show(url: str) -> DataFrame:
    """The curves of a visualization URL (also of a comparison), one row a run and memory size.

    `cost` is in `currency`, which is what the URL says; `cost_usd` is the same where that is USD,
    else unknown. UsageError where it is no such URL. Numbers have the precision of Float32.
    """
    rows = [
        (
            run.name,
            point.memory_mb,
            point.duration_ms,
            point.cost_usd if run.currency == "USD" else None,
            point.cost_usd,
            run.currency,
        )
        for run in decode_visualization(url)
        for point in run.points
    ]
    return DataFrame(rows, columns=list(CURVE_COLUMNS))


def _row(cloud: Cloud, execution: Execution) -> ExecutionRow:
    answer = TunerAnswer.of(execution.output)
    failed = not (execution.running or has_answer(execution) or execution.input.get("dryRun"))
    status = "FAILED" if failed and execution.status == "SUCCEEDED" else execution.status
    return {
        "execution": execution.name,
        "function": function_name(execution.function_arn),
        "status": status,
        "strategy": execution.input.get("strategy") or "cost",
        "power": answer.memory_mb,
        "cost_usd": answer.cost_usd,
        "duration_ms": answer.duration_ms,
        "lambda_cost_usd": answer.run_usd,
        "started_at": execution.started_at,
        "wall_ms": execution.wall_ms,
        "cause": cause(cloud, execution) if failed else "",
        "visualization": answer.visualization or None,
        "execution_arn": execution.arn,
    }
