"""Curves of others as runs: means by memory size, without the samples behind them."""

import math
from collections.abc import Iterable
from typing import Any

from ...core.samples import Sample
from ...core.strategies import CurvePoint
from .frames import samples_frame
from .run import Run

MEANS = "means"
"""A manifest's `kind` where only means are known; there is no interval then."""

PUBLISHED = "published curve"


def means_run(
    points: Iterable[CurvePoint], *, function: str, payload: str = PUBLISHED, **about: Any
) -> Run:
    """A run in which each mean stands as one sample on no known environment.

    `about` goes into its manifest (region, architecture, started_at, ...).
    """
    manifest = {"run_id": function, "function": function, "payloads": [{"name": payload}]}
    given = manifest | about | {"kind": MEANS}
    architecture = str(given.get("architecture", ""))
    samples = [_sample(point, payload, architecture) for point in points]
    names = {"run_id": str(given["run_id"]), "function": function}
    return Run(given, samples_frame(samples, **names))


def of_means(run: Run) -> bool:
    """Whether a run has means only, which no interval can be made of."""
    return run.manifest.get("kind") == MEANS


def _sample(point: CurvePoint, payload: str, architecture: str) -> Sample:
    return Sample(
        payload=payload,
        memory_mb=int(point.memory_mb),
        invocation=0,
        cold=False,
        environment="",
        started_at="1970-01-01T00:00:00+00:00",
        duration_ms=point.duration_ms,
        billed_ms=math.ceil(point.duration_ms),
        init_ms=None,
        restore_ms=None,
        max_memory_mb=None,
        error="",
        cost_usd=point.cost_usd,
        request_id="",
        architecture=architecture,
    )
