"""Questions as tests ask them: of a run, with the options of a study."""

from collections.abc import Sequence
from typing import Any

from pandas import DataFrame

from lambdatuning.analysis.answer.recommendation import Recommendation, recommendations
from lambdatuning.analysis.curves import Curve
from lambdatuning.analysis.options import Goal, Options
from lambdatuning.analysis.run import Run
from lambdatuning.core.finding import Finding
from lambdatuning.core.strategies import STRATEGIES
from lambdatuning.study import Study

GOALS = ("cost", "balanced", "knee", "deadline", "budget", "speed")


def recommend(
    run: Run | DataFrame, strategy: str | Sequence[str] = STRATEGIES, **options: Any
) -> DataFrame:
    return Study(run, **options).recommend(strategy)


def advice(run: Run | DataFrame, strategy: str, **options: Any) -> list[Recommendation]:
    """The recommendations of each payload type, the mix last."""
    return recommendations(Study(run, **options), (strategy,))


def goal(strategy: str, weight: float = 0.5, **options: Any) -> Goal:
    return Options(**options).goal(strategy, weight)


def summarise(run: Run | DataFrame, **options: Any) -> DataFrame:
    return Study(run, **options).summary


def curves(run: Run | DataFrame, **options: Any) -> Sequence[Curve]:
    return Study(run, **options).curves


def checks(run: Run | DataFrame) -> list[Finding]:
    return Study(run).checks()
