"""Make the prior of `lambdatuning.core.exploration` from measured functions.

`python -m tests.bench.make_prior` writes the package's `prior.json` from all of data/traces;
benchmarks call `make_prior` on the functions that may teach.

The weights of shapes are learnt by expectation maximisation from mean curves, where a family counts
once; a part stays even over all shapes, for what no trace shows. The noise of single calls is a
line over log duration with deviations of functions and of sizes.
"""

import argparse
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lambdatuning.core.exploration.prior import (
    LEVEL_SD,
    TAILED_SPREAD,
    Shape,
    departure_correlations,
    log_normal_variance,
)
from lambdatuning.core.sizes import FULL_VCPU_MB

from .exploration_functions import TRACES, Function, read_functions

Floats = npt.NDArray[np.float64]

ROOT = Path(__file__).parents[2]
PRIOR = ROOT / "lambdatuning" / "core" / "exploration" / "prior.json"

FLOORS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.55, 0.8, 1.0)
CAPS_MB = (FULL_VCPU_MB, 2 * FULL_VCPU_MB, 900)
POWERS = (1.0, 1.4)
SCALES = (0.02, 0.06, 0.15, 0.4)
ROUNDS, EVEN, LARGEST_SHARE, MEAN_ERROR = 40, 0.15, 0.93, 0.01
LEAST_SPREAD, LEAST_FUNCTION_SD, LEAST_SIZE_SD, TRUST = 0.003, 0.5, 0.25, 0.5
TAILED_CALLS = 30


def make_prior(functions: Sequence[Function]) -> dict[str, Any]:
    """The prior as plain JSON values, taught by `functions` alone."""
    level = float(np.mean([np.log(f.mean_ms).mean() for f in functions]))
    return {
        "provenance": {
            "script": "tests/bench/make_prior.py",
            "sources": dict(Counter(f.name.split("/")[0] for f in functions)),
        },
        "level": round(level, 4),
        "components": _components(functions, level),
        "noise": _noise([f for f in functions if f.group != "curves"]),
        "taught": sorted(f.name for f in functions),
    }


def _components(functions: Sequence[Function], level: float) -> list[list[float]]:
    """Weight, floor, cap, power and scale of each part that matters."""
    shapes = [
        Shape(floor, cap, power)
        for floor, cap, power in product(FLOORS, CAPS_MB, POWERS)
        if floor < 1 or (cap, power) == (FULL_VCPU_MB, 1.0)
    ]
    parts = list(product(shapes, SCALES))
    likelihood = np.array([_likelihoods(f, shapes, level) for f in functions])
    families = Counter(f.family for f in functions)
    share = np.array([1 / families[f.family] for f in functions])
    weights = np.full(len(parts), 1 / len(parts))
    for _ in range(ROUNDS):
        posterior = likelihood * weights
        posterior /= posterior.sum(axis=1, keepdims=True)
        weights = (share[:, None] * posterior).sum(axis=0) / share.sum()
    weights = (1 - EVEN) * weights + EVEN / len(parts)
    order = np.argsort(-weights)
    largest = order[: int(np.searchsorted(np.cumsum(weights[order]), LARGEST_SHARE)) + 1]
    whole = weights[largest].sum()
    return [
        [round(float(weights[k] / whole), 6), shape.floor, shape.cap_mb, shape.power, scale]
        for k in largest
        for shape, scale in [parts[k]]
    ]


def _likelihoods(function: Function, shapes: Sequence[Shape], level: float) -> Floats:
    """How probable the curve of a function is under each shape and scale, up to a factor."""
    logs = np.log(function.mean_ms) - level
    correlations = np.array(departure_correlations(function.sizes))
    off = np.array([logs - shape.logs(function.sizes) for shape in shapes])
    log_likelihoods = []
    for scale in SCALES:
        covariance = scale**2 * correlations + LEVEL_SD**2 + MEAN_ERROR**2 * np.eye(len(logs))
        lower = np.linalg.cholesky(covariance)
        squares = (np.linalg.solve(lower, off.T) ** 2).sum(axis=0)
        log_likelihoods.append(-0.5 * squares - np.log(np.diag(lower)).sum())
    flat = np.array(log_likelihoods).T.ravel()
    return np.asarray(np.exp(flat - flat.max()))


def _noise(functions: Sequence[Function]) -> Mapping[str, float]:
    rows = [
        (k, math.log(values.mean()), math.log(max(float(np.log(values).std()), LEAST_SPREAD)))
        for k, function in enumerate(functions)
        for values in function.samples.values()
    ]
    owner, x, y = (np.array(column) for column in zip(*rows, strict=True))
    weight = 1 / np.sqrt(np.array([(owner == k).sum() for k in owner]))
    design = np.stack([np.ones_like(x), x], axis=1) * weight[:, None]
    slope = float(np.clip(np.linalg.lstsq(design, y * weight, rcond=None)[0][1], -0.4, 0.0))
    level = float(np.average(y - slope * x, weights=weight**2))
    residuals = [(y - level - slope * x)[owner == k] for k in range(len(functions))]
    between = float(np.std([rest.mean() for rest in residuals]))
    within = math.sqrt(float(np.mean([rest.var() for rest in residuals])))
    return {
        "level": round(level, 4),
        "slope": round(slope, 4),
        "function_sd": round(max(between, LEAST_FUNCTION_SD), 4),
        "size_sd": round(max(within, LEAST_SIZE_SD), 4),
        "trust": TRUST,
        "tails": round(_tails(functions), 4),
    }


def _tails(functions: Sequence[Function]) -> float:
    """The variance of noisy calls over that of log-normal ones of the same log spread: a geometric
    mean over functions, of sizes with enough calls to show it; at least 1."""
    means = [float(np.mean(logs)) for function in functions if (logs := list(_longer(function)))]
    return math.exp(max(float(np.mean(means)), 0.0)) if means else 1.0


def _longer(function: Function) -> Iterator[float]:
    for values in function.samples.values():
        spread = float(np.log(values).std())
        if len(values) >= TAILED_CALLS and spread >= TAILED_SPREAD:
            yield math.log(values.var() / values.mean() ** 2 / log_normal_variance(spread))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the package's prior."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=Path, default=TRACES)
    options = parser.parse_args(arguments)
    PRIOR.write_text(encode(make_prior(read_functions(options.traces))), "utf-8")


def encode(prior: Mapping[str, Any]) -> str:
    """The text of the package's file."""
    return json.dumps(prior, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    main()
