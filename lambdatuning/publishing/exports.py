"""What runs measured, as files of other tools that watch benchmarks.

Otava reads a CSV of all runs (a row a run), github-action-benchmark and Bencher a JSON of the
newest run.
"""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import yaml

from ..analysis.run import Run
from ..core.errors import UsageError, closest
from ..core.wire import finite
from ..reporting.tables import csv_cell
from ..study import Study

DURATION, COST = "duration", "cost"
UNITS = {DURATION: "ms", COST: "USD per million"}


@dataclass(frozen=True)
class Figure:
    """One measured mean with its 95 % interval (None where there is none); less is better.

    `measure` is "duration" (ms) or "cost" (US dollars for a million invocations).
    """

    payload: str
    memory_mb: int
    measure: str
    value: float
    low: float | None
    high: float | None

    @property
    def name(self) -> str:
        """Such as "ping 512 MB"."""
        return f"{self.payload} {self.memory_mb} MB"


@dataclass(frozen=True)
class RunFigures:
    """What one run measured; `started_at` is ISO 8601, `commit` "" where it is not known."""

    function: str
    run_id: str
    started_at: str
    commit: str
    figures: tuple[Figure, ...]


def measured(run: Run) -> RunFigures:
    """The means of a run, by payload type and memory size."""
    rows = Study(run).summary().to_dict(orient="records")
    figures = tuple(
        figure for row in rows for figure in _figures(row) if math.isfinite(figure.value)
    )
    manifest = run.manifest
    return RunFigures(run.function, run.run_id, manifest.started_at, manifest.code.commit, figures)


def _figures(row: Mapping[Hashable, Any]) -> Iterator[Figure]:
    place = str(row["payload"]), int(row["memory_mb"])
    means = (row[name] for name in ("mean_ms", "mean_low_ms", "mean_high_ms"))
    yield _figure(*place, DURATION, *means)
    costs = (1e6 * row[name] for name in ("cost_usd", "cost_low_usd", "cost_high_usd"))
    yield _figure(*place, COST, *costs)


def _figure(payload: str, memory_mb: int, measure: str, *values: float) -> Figure:
    value, low, high = (float(number) for number in values)
    return Figure(payload, memory_mb, measure, value, finite(low), finite(high))


def otava_csv(runs: Sequence[RunFigures]) -> str:
    """A row a run, oldest first: time, commit, run, and a column for each figure.

    A figure that a run does not have is empty. The columns are those of `otava_yaml`. Text that a
    spreadsheet would take for a formula gets an apostrophe in front.
    """
    columns = _columns(runs)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["time", "commit", "run", *map(csv_cell, columns.values())])
    for run in runs:
        values = {_key(figure): figure.value for figure in run.figures}
        about = (run.started_at, run.commit, run.run_id)
        rows.writerow([*map(csv_cell, about), *(values.get(key, "") for key in columns)])
    return text.getvalue()


def otava_yaml(runs: Sequence[RunFigures], file: str) -> str:
    """The configuration by which `otava analyze` reads the CSV in `file`; less is better."""
    test = {
        "type": "csv",
        "file": file,
        "time_column": "time",
        "attributes": ["commit", "run"],
        "metrics": {name: {"column": name, "direction": -1} for name in _columns(runs).values()},
    }
    return yaml.safe_dump({"tests": {otava_test(runs): test}}, sort_keys=False)


def otava_test(runs: Sequence[RunFigures]) -> str:
    """The name of the test in `otava_yaml`."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", runs[-1].function) or "lambdatuning"


_Key = tuple[str, int, str]


def _key(figure: Figure) -> _Key:
    return figure.payload, figure.memory_mb, figure.measure


def _columns(runs: Iterable[RunFigures]) -> dict[_Key, str]:
    """A name for each figure: letters, digits and underscores, which Otava takes on its command
    line; payload types that would share one are numbered."""
    keys = sorted({_key(figure) for run in runs for figure in run.figures})
    names: dict[_Key, str] = {}
    for key in keys:
        payload, memory_mb, measure = key
        base = re.sub(r"[^A-Za-z0-9]+", "_", payload).strip("_") or "payload"
        unit = "ms" if measure == DURATION else "usd_per_million"
        name, number = f"{base}_{memory_mb}mb_{unit}", 2
        while name in names.values():
            name, number = f"{base}_{number}_{memory_mb}mb_{unit}", number + 1
        names[key] = name
    return names


def github_action_benchmark(runs: Sequence[RunFigures]) -> str:
    """The newest run for `tool: customSmallerIsBetter`: a list of name, value, unit and range."""
    newest = runs[-1]
    rows = [
        {
            "name": f"{newest.function}: {figure.measure}, {figure.name}",
            "unit": UNITS[figure.measure],
            "value": figure.value,
            **({"range": _half_width(figure)} if _half_width(figure) else {}),
            "extra": f"run {newest.run_id}",
        }
        for figure in newest.figures
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _half_width(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f"± {(figure.high - figure.low) / 2:.4g}"


def bencher(runs: Sequence[RunFigures]) -> str:
    """The newest run in the Bencher Metric Format: benchmark, measure, value and its bounds.

    Bencher's own measure `latency` is in nanoseconds; `cost` is in US dollars for a million.
    """
    newest = runs[-1]
    results: dict[str, dict[str, dict[str, float]]] = {}
    for figure in newest.figures:
        latency = figure.measure == DURATION
        factor = 1e6 if latency else 1.0
        bounds = {"value": figure.value, "lower_value": figure.low, "upper_value": figure.high}
        metric = {name: value * factor for name, value in bounds.items() if value is not None}
        benchmark = results.setdefault(f"{newest.function} {figure.name}", {})
        benchmark["latency" if latency else COST] = metric
    return json.dumps(results, indent=2, ensure_ascii=False) + "\n"


FORMATS: dict[str, Callable[[Sequence[RunFigures]], str]] = {
    "otava": otava_csv,
    "github-action-benchmark": github_action_benchmark,
    "bencher": bencher,
}
"""The names of the formats, and what writes each."""


def check_format(form: str) -> None:
    """UsageError for a format that is not known."""
    if form not in FORMATS:
        raise UsageError(f'no export "{form}"; {closest(form, FORMATS)}')


def export(runs: Sequence[Run], form: str, file: str = "") -> dict[str, str]:
    """The runs of one function, oldest first, as files of another tool: contents by name.

    The configuration by which Otava reads its CSV lies beside `file`, as NAME.yaml.
    """
    check_format(form)
    if not runs:
        raise UsageError("there is no run to export")
    measured_runs = [measured(run) for run in runs]
    files = {file: FORMATS[form](measured_runs)}
    if form == "otava":
        path = PurePath(file)
        files[str(path.with_suffix(".yaml"))] = otava_yaml(measured_runs, path.name)
    return files
