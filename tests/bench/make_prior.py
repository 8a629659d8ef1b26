"""Make the prior of `lambdatuning.core.exploration` from measured functions.

`python -m tests.bench.make_prior` writes the package's `prior.json` from all of data/traces;
benchmarks call `make_prior` on the functions that may teach.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .exploration_traces import TRACES, Trace, read_traces

Floats = npt.NDArray[np.float64]

ROOT = Path(__file__).parents[2]
PRIOR = ROOT / "lambdatuning" / "core" / "exploration" / "prior.json"

KNOTS_MB = (
    *(128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 1769),
    *(2048, 2560, 3008, 3538, 4096, 5307, 7076, 8845, 10240),
)
TAUGHT_SHARE = 0.5
"""Of the mixture's weight; the other half goes to families that no data taught."""
ALIKE = 0.03
"""Curves that differ less than this on average (log) are taught once, with more weight."""

FLOORS = (0.0, 0.01, 0.03, 0.07, 0.15, 0.3, 0.5, 0.75, 0.93, 1.0)
"""Shares of the duration at full speed that CPU does not shorten."""
CAPS_MB = (1769, 3538, 10240)
"""Where CPU stops helping: one thread, two, all."""
STEPS = (0.55,)
"""What a second thread leaves of the duration, once there is a second vCPU."""
PRESSURES = (0.0, 0.6)
"""How much longer 128 MB takes for want of memory (garbage collection, paging)."""

DEPARTURES = ((0.015, 0.3), (0.05, 0.3), (0.15, 0.25), (0.45, 0.15))
SPREADS = ((1.0, 0.25), (5.0, 0.2), (20.0, 0.12), (100.0, 0.04), (500.0, 0.02), (5000.0, 0.015))
"""Spread of single invocations by duration: log-normal, from the raw functions above 100 ms and
from published p99 over mean below."""


def make_prior(traces: Sequence[Trace]) -> dict[str, Any]:
    """The prior as plain JSON values, taught by `traces` alone."""
    taught = _taught(traces)
    shapes = [*taught, *_families(1.0 - sum(weight for weight, _ in taught))]
    return {
        "provenance": {
            "script": "tests/bench/make_prior.py",
            "sources": dict(Counter(trace.source for trace in traces)),
            "families": "a floor, CPU time that stops shrinking at a cap or steps at a vCPU, "
            "want of memory below it",
        },
        "knots_mb": KNOTS_MB,
        "shapes": [
            {"weight": round(weight, 5), "log_ms": [round(float(v), 3) for v in logs]}
            for weight, logs in shapes
        ],
        "departures": DEPARTURES,
        "spreads": SPREADS,
        "taught": sorted(trace.name for trace in traces),
    }


def _taught(traces: Sequence[Trace]) -> list[tuple[float, Floats]]:
    """Published curves, each family with the square root of its number as weight."""
    families = Counter(trace.family for trace in traces)
    groups: list[tuple[float, Floats]] = []
    for trace in traces:
        weight, curve = families[trace.family] ** -0.5, _curve(trace)
        near = [k for k, (_, other) in enumerate(groups) if np.abs(other - curve).mean() < ALIKE]
        if near:
            old, other = groups[near[0]]
            total = old + weight
            groups[near[0]] = (total, (other * old + curve * weight) / total)
        else:
            groups.append((weight, curve))
    whole = sum(weight for weight, _ in groups)
    return [(TAUGHT_SHARE * weight / whole, curve) for weight, curve in groups]


def _curve(trace: Trace) -> Floats:
    """Log durations at the knots, 0 on average up to 3008 MB; beyond what was measured the curve
    goes on as CPU time does: shrinking below, flat above 1769 MB."""
    sizes = [size for size in trace.sizes if size >= KNOTS_MB[0]]
    logs = np.log([trace.duration_ms(size) for size in sizes])
    knots = np.array(KNOTS_MB, float)
    curve = np.interp(np.log(knots), np.log(sizes), logs)
    below, above = knots < sizes[0], knots > sizes[-1]
    curve[below] += np.log(sizes[0] / knots[below])
    reached = np.minimum(knots[above], max(1769.0, sizes[-1]))
    curve[above] -= np.log(reached / sizes[-1])
    return np.asarray(curve - curve[knots <= 3008].mean())


def _families(share: float) -> Iterable[tuple[float, Floats]]:
    knots = np.array(KNOTS_MB, float)
    made = [
        (floor + (1 - floor) * cap / np.minimum(knots, cap)) * (1 + pressure * (128 / knots) ** 2)
        for floor, cap, pressure in product(FLOORS, CAPS_MB, PRESSURES)
    ]
    one_thread = 1769 / np.minimum(knots, 1769)
    made += [one_thread * np.where(knots > 1769, step, 1.0) for step in STEPS]
    for duration in made:
        logs = np.log(duration)
        yield share / len(made), logs - logs[knots <= 3008].mean()


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the package's prior."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=Path, default=TRACES)
    options = parser.parse_args(arguments)
    PRIOR.write_text(encode(make_prior(read_traces(options.traces))), "utf-8")


def encode(prior: Mapping[str, Any]) -> str:
    """The text of the package's file."""
    return json.dumps(prior, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    main()
