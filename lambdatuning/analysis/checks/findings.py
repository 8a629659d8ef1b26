"""What to mind before believing a run: each finding with its cause and what to do about it."""

from collections.abc import Callable, Iterator

from pandas import DataFrame

from ..samples.run import Run, as_run
from .answers import edge_of_grid, recorded, types_disagree
from .check import Check
from .exploration import cut_short
from .runs import mixed_runs
from .samples import (
    beyond_cores,
    cold_starts,
    drifting,
    failures,
    few_environments,
    few_samples,
    memory_full,
    no_answer,
    stolen_cpu,
    throttled,
)
from .shape import multi_modal

RULES: tuple[Callable[[Run], Iterator[Check]], ...] = (
    no_answer,
    failures,
    cut_short,
    few_samples,
    few_environments,
    cold_starts,
    memory_full,
    stolen_cpu,
    beyond_cores,
    drifting,
    multi_modal,
    throttled,
    mixed_runs,
    edge_of_grid,
    types_disagree,
    recorded,
)


def checks(source: Run | DataFrame) -> list[Check]:
    """All findings about a run or about bare samples, the gravest first; [] when all is well."""
    run = as_run(source)
    found = [check for rule in RULES for check in rule(run)]
    return sorted(found, key=lambda check: ("error", "warning", "note").index(check.severity))
