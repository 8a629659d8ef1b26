"""What history keeps of a run: a few numbers a payload type and memory size, in one line."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np
from pandas import DataFrame, Series

from ...core.statistics.means import differing
from ...core.tuning.endpoint import NO_ENDPOINT, Endpoint
from ...core.tuning.manifest import NO_CODE, OURS, Code, Manifest
from ..frames import failed, warm
from ..run import Run

SCHEMA = 1
"""Of `RunSummary.to_json`: a line of another schema is made again from its run."""

_ENDPOINT = ("kind", "limiter", "cores", "settle", "python")
"""What is kept of an endpoint: what cuts a history where it changes."""

_LEAST_ERROR = 0.001
_ENOUGH = 3
"""Environments from which on their means tell the error of a cell's mean."""


class CellSummary(NamedTuple):
    """One payload type at one memory size in one run; None where nothing of it was measured.

    `duration_ms` is the mean of the warm successes and `error` its standard error as a share of it,
    `tail` the logarithm of their 95th percentile over the mean.
    """

    payload: str
    memory_mb: int
    invocations: int
    failures: int
    duration_ms: float | None = None
    error: float | None = None
    tail: float | None = None
    cost_usd: float | None = None
    max_memory_mb: float | None = None


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run as history sees it. `init_ms` is the mean of cold starts by memory size, with its
    standard error as a share; `best_mb` the size that the run answered."""

    run_id: str
    function: str
    kind: str = OURS
    started_at: str = ""
    architecture: str = ""
    region: str = ""
    runtime: str = ""
    endpoint: Endpoint = NO_ENDPOINT
    price_book: str = ""
    code_sha256: str = ""
    code: Code = NO_CODE
    labels: Mapping[str, str] = field(default_factory=dict)
    best_mb: int | None = None
    usd: float | None = None
    cells: tuple[CellSummary, ...] = ()
    init_ms: Mapping[int, tuple[float, float]] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Function, architecture, region and kind of endpoint: what runs must share."""
        return self.function, self.architecture, self.region, self.endpoint.kind

    @property
    def conditions(self) -> Mapping[str, str]:
        """What cuts a history where it changes: levels before and after are of different things."""
        return {
            "price book": self.price_book,
            "runtime": self.runtime,
            "limiter": self.endpoint.limiter,
            "host": self.endpoint.words("cores", "settle", "python"),
        }

    def to_json(self) -> dict[str, object]:
        """Plain values for one line; cells as rows."""
        plain = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        init = {str(size): list(pair) for size, pair in self.init_ms.items()}
        cells = [list(cell) for cell in self.cells]
        return {
            **plain,
            "schema": SCHEMA,
            "endpoint": self.endpoint.to_json(),
            "code": vars(self.code),
            "cells": cells,
            "init_ms": init,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "RunSummary | None":
        """The inverse of `to_json`; None for what another version wrote."""
        if value.get("schema") != SCHEMA:
            return None
        entries = {name: entry for name, entry in value.items() if name != "schema"}
        return cls(
            **{
                **entries,
                "endpoint": Endpoint.from_json(entries["endpoint"]),
                "code": Code(**entries["code"]),
                "cells": tuple(map(CellSummary._make, entries["cells"])),
                "init_ms": {int(size): tuple(pair) for size, pair in entries["init_ms"].items()},
            }
        )


def summarise(run: Run) -> RunSummary:
    """The line of a run."""
    manifest = run.manifest
    return replace(
        _about(manifest),
        function=run.function,
        best_mb=manifest.answer_mb,
        cells=tuple(_cells(run.samples)),
        init_ms=_inits(run.samples),
    )


def _about(manifest: Manifest) -> RunSummary:
    return RunSummary(
        run_id=manifest.run_id,
        function=manifest.function,
        kind=manifest.kind,
        started_at=manifest.started_at,
        architecture=manifest.architecture,
        region=manifest.region,
        runtime=manifest.runtime,
        endpoint=Endpoint(**{name: getattr(manifest.endpoint, name) for name in _ENDPOINT}),
        price_book=manifest.price_book.version,
        code_sha256=manifest.code_sha256,
        code=manifest.code,
        labels=dict(manifest.labels),
        usd=manifest.usd,
    )


def _cells(samples: DataFrame) -> Sequence[CellSummary]:
    failures = failed(samples).groupby(_cell_of(samples), observed=True).agg(["size", "sum"])
    measured = warm(samples)[_FIGURES_OF]
    figures = {
        cell: _figures(own) for cell, own in measured.groupby(_cell_of(measured), observed=True)
    }
    return [
        CellSummary(payload, int(size), int(counts[0]), int(counts[1]), *figures.get(cell, ()))
        for cell, counts in zip(failures.index, failures.to_numpy(), strict=True)
        for payload, size in [cell]
    ]


_FIGURES_OF = ["payload", "memory_mb", "environment", "duration_ms", "cost_usd", "max_memory_mb"]
"""All columns that figures are made of: groups of every column take far longer to make."""


def _cell_of(samples: DataFrame) -> list[Series]:
    return [samples["payload"].astype(str), samples["memory_mb"]]


def _figures(own: DataFrame) -> tuple[float | None, ...]:
    durations = own["duration_ms"].to_numpy(float)
    mean = float(durations.mean())
    memory = own["max_memory_mb"].max()
    return (
        _rounded(mean),
        _rounded(_error(own, durations, mean)),
        _rounded(math.log(float(np.quantile(durations, 0.95)) / mean) if mean > 0 else 0.0),
        _rounded(float(own["cost_usd"].mean())),
        None if memory != memory else float(memory),  # noqa: PLR0124 - NaN
    )


def _error(own: DataFrame, durations: "np.ndarray[Any, Any]", mean: float) -> float | None:
    """By the means of environments where there are enough, else by the invocations."""
    names = own["environment"].astype(str)
    means = own.groupby(names)["duration_ms"].mean().to_numpy(float)
    values = means if differing(names.tolist()) and len(means) >= _ENOUGH else durations
    if len(values) < 2 or mean <= 0:
        return None
    return max(float(values.std(ddof=1)) / math.sqrt(len(values)) / mean, _LEAST_ERROR)


def _inits(samples: DataFrame) -> dict[int, tuple[float, float]]:
    cold = samples[samples["cold"] & ~failed(samples) & samples["init_ms"].gt(0)]
    inits = {}
    for size, values in cold.groupby("memory_mb")["init_ms"]:
        mean, n = float(values.mean()), len(values)
        error = float(values.std(ddof=1)) / math.sqrt(n) / mean if n > 1 else 0.2
        inits[int(str(size))] = (_rounded(mean) or mean, _rounded(max(error, 0.01)) or 0.01)
    return inits


def _rounded(value: float | None) -> float | None:
    """Six digits: a line is read thousands of times."""
    return None if value is None else float(f"{value:.6g}")
