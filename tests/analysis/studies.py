"""Studies for tests: what a run says with given options, computed once where that can be shared.

No test changes a run, so what does not depend on options is computed once for all of them.
"""

from collections.abc import Sequence
from functools import lru_cache
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


CHANGE_CURVES = {"weights", "max_failed", "tolerance", "confidence", "seed", "today_mb"}


@lru_cache(maxsize=32)
def _plain(run: Run) -> Study:
    study = Study(run)
    assert study.curves is not None
    return study


def study_of(run: Run | DataFrame, **options: Any) -> Study:
    """A study with these options."""
    study = Study(run, **options)
    shared = isinstance(run, Run) and len(study.parts) == 1
    if shared and not CHANGE_CURVES & options.keys():
        kept = vars(_plain(study.run).with_options())
        vars(study).update({name: kept[name] for name in kept.keys() - vars(study).keys()})
    return study


def recommend(
    run: Run | DataFrame, strategy: str | Sequence[str] = STRATEGIES, **options: Any
) -> DataFrame:
    return study_of(run, **options).recommend(strategy)


def advice(run: Run | DataFrame, strategy: str, **options: Any) -> list[Recommendation]:
    """The recommendations of each payload type, the mix last."""
    return recommendations(study_of(run, **options), (strategy,))


def goal(strategy: str, weight: float = 0.5, **options: Any) -> Goal:
    return Options(**options).goal(strategy, weight)


def summarise(run: Run | DataFrame, **options: Any) -> DataFrame:
    return study_of(run, **options).summary()


def curves(run: Run | DataFrame, **options: Any) -> Sequence[Curve]:
    return study_of(run, **options).curves


def checks(run: Run | DataFrame) -> list[Finding]:
    return study_of(run).checks()
