"""Two or more runs compared: named, or the two newest of one function."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..analysis.compare.comparison import Comparison
from ..analysis.compare.comparison import compare as compare_runs
from ..analysis.compare.gate import MAX_REGRESSION
from ..analysis.run import Run
from ..cloud.aws_errors import explaining
from ..cloud.session import Cloud
from ..core.errors import UsageError, closest
from ..core.format import Currency, Money
from ..core.validation import Amount, Count, InnerShare, PositiveAmount, checked
from .runs import load_runs, names_newest, newest_in_one_place, with_previous

NEWEST = "latest 2"
NARROWING = ("function", "region", "since", "until", "state_machine")
"""What narrows which runs "all" and "latest" mean."""


@explaining()
@checked
def compare(
    *runs: str | Run | Sequence[str | Run],
    store: str | Path = "",
    history: str | Sequence[str | Run] = "",
    payload_types: str | Sequence[str] = "",
    memory_mb: Count | None = None,
    max_regression: Amount = MAX_REGRESSION,
    monthly_invocations: Amount = 0,
    confidence: InnerShare = 0.95,
    currency: Currency = "${}",
    per_usd: PositiveAmount = 1.0,
    rates: Mapping[str, float] | None = None,
    cloud: Cloud | None = None,
    **narrowed: Any,
) -> Comparison:
    """Compare the first of the runs with each of the others; one alone makes an empty comparison.

    `runs` are loaded runs, or names as `lt.load` takes them, of `store` ("": the project's), one by
    one or in a list: `compare(before, after)`; by default the two newest runs of the function,
    architecture and region that was measured last: others are compared only where they are named.
    One name alone is compared with the run before it. `history` are more runs, whose differences
    teach how much runs of the same code differ. Getting worse is a regression from
    `max_regression` on (0.05 is 5 %). `rates` says what a dollar costs in the currencies of
    runs that are not in dollars: {"CNY": 7.1}. `narrowed` are `function`, `region`, `since`,
    `until` and `state_machine`, as `lt.load` takes them.

    Raises:
        UsageError: no run, several functions in one, nothing in common, or costs in several
            currencies without the rate of one; `narrowed` where all runs are loaded already.
    """
    for option in narrowed:
        if option not in NARROWING:
            hint = closest(option, {*NARROWING, *inspect.signature(compare).parameters})
            raise UsageError(f'compare: unknown option "{option}"; {hint}')
    named = runs or (NEWEST,)
    _refuse_narrowing_of_loaded((named, history), narrowed)
    alone = _alone(named)
    if alone and names_newest(alone):
        chosen = newest_in_one_place(alone, store, least=2, cloud=cloud, **narrowed)
    elif alone and alone != "all":
        chosen = with_previous(alone, store, cloud=cloud, **narrowed)
    else:
        chosen = [run for name in named for run in _loaded(name, store, cloud, narrowed)]
    return compare_runs(
        chosen,
        payload_types=payload_types,
        memory_mb=memory_mb,
        max_regression=max_regression,
        monthly_invocations=monthly_invocations,
        confidence=confidence,
        history=_loaded(history, store, cloud, narrowed) if history else (),
        money=Money(currency, per_usd),
        rates=rates,
    )


def _refuse_narrowing_of_loaded(runs: object, narrowed: Mapping[str, Any]) -> None:
    """What narrows names is no option where no name is given: it would say nothing."""
    options = sorted(option for option, value in narrowed.items() if value)
    if options and not any(_names_in(runs)):
        raise UsageError(
            f'compare: {options[0]} narrows which runs "all" and "latest" mean, and these are '
            f"loaded already; leave out {', '.join(options)}, or name runs"
        )


def _names_in(runs: object) -> Iterator[str]:
    if isinstance(runs, str):
        yield runs
    elif isinstance(runs, Sequence):
        for entry in runs:
            yield from _names_in(entry)


def _alone(named: Sequence[str | Run | Sequence[str | Run]]) -> str:
    """The one name that is given, also within a list; "" where there are several, or runs."""
    while len(named) == 1:
        (name,) = named
        if isinstance(name, str):
            return "" if "," in name else name.strip()
        if not isinstance(name, Sequence):
            return ""
        named = name
    return ""


def _loaded(
    runs: str | Run | Sequence[str | Run],
    store: str | Path,
    cloud: Cloud | None,
    narrowed: Mapping[str, Any],
) -> list[Run]:
    if isinstance(runs, Run):
        return [runs]
    if isinstance(runs, str):
        return load_runs(store, runs, cloud=cloud, **narrowed)
    if not isinstance(runs, Sequence):
        raise UsageError(f"runs must be loaded runs, or their names; not {runs!r}")
    return [run for entry in runs for run in _loaded(entry, store, cloud, narrowed)]
