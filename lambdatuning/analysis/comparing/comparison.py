"""A comparison as an answer: the headline of each pair, what else differs, the numbers behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd
from pandas import DataFrame

from ...core.errors import UsageError
from ..checks.check import Check
from ..samples.published import of_means
from ..samples.run import Run, as_run
from ..telling.answer import notice
from ..telling.format import NOTHING, short_name
from ..telling.statement import Statement, answered, html_words
from .compare import Pair, pair
from .verdict import about, bill, regressions, sentences
from .verdict import headline as headline_of


@dataclass(frozen=True, eq=False)
class Comparison:
    """One run against one or more others. Shows itself in notebooks; `str()` is plain text."""

    pairs: tuple[Pair, ...]
    monthly_invocations: float = 0
    alone: tuple[Run, ...] = ()

    @property
    def nothing(self) -> str:
        """What to do where there is one run only."""
        names = ", ".join(short_name(run.function) for run in self.alone)
        return (
            f"Nothing to compare yet: one run of {names} is stored. "
            "Measure again after a change, and this report says what it changed."
        )

    @property
    def overall(self) -> DataFrame:
        """A row a payload type (and pair), the change over all sizes; see `compare.OVERALL`."""
        return self._stacked("overall")

    @property
    def by_size(self) -> DataFrame:
        """A row a payload type and memory size (and pair); see `compare.BY_SIZE`."""
        return self._stacked("by_size")

    @property
    def runs(self) -> DataFrame:
        """What the runs are, one row each."""
        if not self.pairs:
            return DataFrame([_facts("the only one", run) for run in self.alone])
        first = self.pairs[0]
        others = [(each.names[1], each.after) for each in self.pairs]
        named = [(first.names[0], first.before), *others]
        return DataFrame([_facts(name, run) for name, run in named])

    @property
    def findings(self) -> list[Check]:
        """What else differs between the runs, each finding once, the gravest first."""
        found = list(dict.fromkeys(each for pair in self.pairs for each in pair.findings))
        return sorted(found, key=lambda check: ("error", "warning", "note").index(check.severity))

    def regressions(self, max_change: float = 0.0) -> list[str]:
        """What got significantly worse by more than `max_change` (0.05 is 5 %), in words."""
        return [text for pair in self.pairs for text in regressions(pair, max_change)]

    def __str__(self) -> str:
        if not self.pairs:
            return self.nothing
        lines = [line for pair in self.pairs for line in (headline_of(pair), *self._told(pair))]
        grave = [each for each in self.findings if each.severity != "note"]
        return "\n".join([*lines, *(f"{each.cause}: {each.next_step}." for each in grave)])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        runs = [run for each in self.pairs for run in (each.before, each.after)]
        headline = " ".join(map(headline_of, self.pairs)) if self.pairs else self.nothing
        return answered(headline, [run.function for run in runs or self.alone])

    def _repr_html_(self) -> str:
        if not self.pairs:
            return Statement(self.nothing)._repr_html_()
        told = "".join(_section(each, self._told(each)) for each in self.pairs)
        note = notice(self.pairs[0].before)
        grave = [each for each in self.findings if each.severity != "note"]
        notes = [note] if note else []
        notes += [f"{each.name.capitalize()} ({each.cause}): {each.next_step}." for each in grave]
        warned = "".join(f'<p class="lt-notice">{html_words(text)}</p>' for text in notes)
        return f'<section class="lt-answer">{told}{warned}</section>'

    def _told(self, pair: Pair) -> list[str]:
        return [*sentences(pair), *bill(pair, self.monthly_invocations)]

    def _stacked(self, name: str) -> DataFrame:
        if not self.pairs:
            return DataFrame()
        frames: list[DataFrame] = [getattr(each, name) for each in self.pairs]
        if len(frames) == 1:
            return frames[0]
        told = [
            frame.assign(run=each.names[1]) for frame, each in zip(frames, self.pairs, strict=True)
        ]
        whole = pd.concat(told, ignore_index=True)
        return whole[["run", *(column for column in whole if column != "run")]]


def compare(
    runs: Sequence[Run | DataFrame],
    *,
    payload_types: str | Sequence[str] = "",
    memory_mb: int | None = None,
    weights: Mapping[str, float] | None = None,
    confidence: float = 0.95,
    monthly_invocations: float = 0,
) -> Comparison:
    """Compare the first of the runs with each of the others; one alone makes an empty comparison.

    All payload types that both have or those named (with commas; a published curve has none), over
    all sizes that both have or at `memory_mb` alone. `weights` of the mix are the first
    run's unless given. The intervals of one pair's payload types hold together with `confidence`.

    Raises:
        UsageError: no run, several functions in one, or nothing in common.
    """
    if not runs:
        raise UsageError("no run to compare; `lambdatuning runs` lists those that are stored")
    given = [as_run(run) for run in runs]
    before, *others = (run if of_means(run) else run.select(payload_types) for run in given)
    return Comparison(
        tuple(
            pair(before, each, memory_mb=memory_mb, weights=weights, confidence=confidence)
            for each in others
        ),
        monthly_invocations,
        (before,),
    )


def _section(pair: Pair, told: Sequence[str]) -> str:
    words = "".join(f"<li>{html_words(text)}</li>" for text in told)
    return (
        f'<p class="lt-headline"><strong>{html_words(headline_of(pair))}</strong></p>'
        f'<p class="lt-runs">{escape(about(pair))}</p><ul>{words}</ul>'
    )


def _facts(name: str, run: Run) -> dict[str, object]:
    manifest = run.manifest
    return {
        "which": name,
        "run": run.run_id,
        "function": run.function,
        "architecture": manifest.get("architecture") or NOTHING,
        "runtime": manifest.get("runtime") or NOTHING,
        "today_mb": run.current_memory_mb,
        "samples": len(run.samples),
        "begun": str(manifest.get("started_at") or NOTHING)[:16].replace("T", " "),
        "code": str(manifest.get("code_sha256") or NOTHING)[:12],
        "prices": str(manifest.get("price_book", {}).get("version") or NOTHING),
    }
