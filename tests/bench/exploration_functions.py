"""Measured functions as random sources of durations: what a simulated tuner invokes and pays for.

`quiet`, `noisy` and `two modes` (short functions that take one of two times) resample their own
warm calls. Where only means were published (`curves`), these wear the residuals of a measured
function of like duration: their spread and tails are real, if not their own. The truth of a size is
the plain mean, of billed time for costs, since a bill is a sum.
"""

import csv
import gzip
import hashlib
import io
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
TRACES = Path(__file__).parents[2] / "data" / "traces"
POWERS = (128, 256, 512, 1024, 1536, 3008)
GROUPS = ("quiet", "noisy", "two modes", "curves", "unlike")
LEAST_CALLS, LEAST_SIZES, NEAR = 6, 4, 0.3


@dataclass(frozen=True, eq=False)
class Function:
    """A function that was measured at the sizes to choose from: durations in ms at each.

    `family` is what may not be split between teaching and judging.
    """

    name: str
    group: str
    family: str
    samples: Mapping[int, Floats]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes to choose from, ascending."""
        return tuple(self.samples)

    @cached_property
    def mean_ms(self) -> Floats:
        """The true mean duration of each size."""
        return np.array([values.mean() for values in self.samples.values()])

    @cached_property
    def billed_ms(self) -> Floats:
        """The true mean of what is billed at each size, in whole milliseconds."""
        return np.array([np.ceil(values).mean() for values in self.samples.values()])

    def regret(self, memory_mb: int, objective: str) -> float:
        """By how much the objective at a size exceeds the best of all sizes."""
        losses = regrets(self.mean_ms, self.billed_ms, np.array(self.sizes), objective)
        return float(losses[self.sizes.index(memory_mb)])


def varied(function: Function, spread: float, seed: int) -> Function:
    """A function like this one: the durations of each size times a log-normal factor of their own.

    The same for equal arguments; the function itself where `spread` is 0.
    """
    if not spread:
        return function
    rng = np.random.default_rng([seed, crc32(function.name.encode())])
    factors = np.exp(spread * rng.standard_normal(len(function.samples)))
    samples = {
        size: values * factor
        for (size, values), factor in zip(function.samples.items(), factors, strict=True)
    }
    return replace(function, samples=samples)


def regrets(mean_ms: Floats, billed_ms: Floats, sizes: Floats, objective: str) -> Floats:
    """Of each size, less the best: cost without the request fee, as Power Tuning has it."""
    costs = billed_ms * sizes
    if objective == "cost":
        values = costs
    elif objective == "speed":
        values = mean_ms
    elif objective == "balanced":
        values = costs / costs.max() + mean_ms / mean_ms.max()
    else:
        values = costs * mean_ms**0.1
        limit = 1.1 * costs.min()
        best = values[costs <= limit].min()
        excess: Floats = np.maximum(values / best - 1, 0) + np.maximum(costs / limit - 1, 0)
        return excess
    return np.asarray(values / values.min() - 1)


def read_functions(folder: Path = TRACES) -> list[Function]:
    """Every function of a folder in the form of data/traces; each of its files may be missing."""
    raw = list(_raw(folder))
    donors = [f for f in raw or _raw(TRACES) if f.group != "two modes"]
    return raw + list(_dressed(_means(folder), donors))


def _rows(folder: Path, stem: str) -> Iterator[dict[str, str]]:
    """Rows of `stem.csv` or `stem.csv.gz`; none where the folder has neither."""
    for path in (folder / f"{stem}.csv.gz", folder / f"{stem}.csv"):
        if path.exists():
            data = path.read_bytes()
            text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
            yield from csv.DictReader(io.StringIO(text))
            return


def _nearest_sizes(sizes: Iterable[int]) -> list[int]:
    """The nearest measured size to each of POWERS, ascending, each once."""
    ordered, nearest = sorted(sizes), set()
    for power in POWERS:
        near = min(ordered, key=lambda size: abs(math.log(size / power)), default=0)
        if near and abs(math.log(near / power)) < NEAR:
            nearest.add(near)
    return sorted(nearest) if len(nearest) >= LEAST_SIZES else []


def _raw(folder: Path) -> Iterator[Function]:
    calls: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for stem in ("raw_invocations", "raw_invocations_noisy"):
        for row in _rows(folder, stem):
            if row.get("kind", "warm") == "warm" and float(row["duration_ms"] or 0) > 0:
                cell = calls[row["function_id"]][int(float(row["memory_mb"]))]
                cell.append(float(row["duration_ms"]))
    for name, by_size in sorted(calls.items()):
        sizes = _nearest_sizes(
            size for size, values in by_size.items() if len(values) >= LEAST_CALLS
        )
        if sizes:
            source = name.split("/")[0]
            group = {"slapp": "quiet", "meex28": "two modes"}.get(source, "noisy")
            family = name.split("-")[0] if source in ("sidag", "meex28") else name
            yield Function(name, group, family, {m: np.sort(by_size[m]) for m in sizes})


def _means(folder: Path) -> Iterator[tuple[str, str, dict[int, float]]]:
    """Name, family and published means of each curve."""
    curves: dict[str, dict[int, float]] = defaultdict(dict)
    family: dict[str, str] = {}
    for row in _rows(folder, "mean_curves"):
        name = row["function_id"]
        curves[name][int(float(row["memory_mb"]))] = float(row["mean_ms"])
        source, _, rest = name.partition("/")
        workload = rest.rsplit("-", 2)[0] if rest.count("-") >= 2 else rest
        family[name] = f"{source}/{workload}"
    for stem in ("power_tuning_results", "power_tuning_results_public"):
        for row in _rows(folder, stem):
            name = f"power-tuning/{row['url_id']}"
            curves[name][int(float(row["memory_mb"]))] = float(row["mean_ms"])
            label = row["function"].rsplit("/", 1)[-1]
            family[name] = name if row["function"] == "public" else f"power-tuning/{label}"
    for name, curve in sorted(curves.items()):
        sizes = _nearest_sizes(curve)
        if sizes and min(curve.values()) > 0:
            yield name, family[name], {size: curve[size] for size in sizes}


def _dressed(
    curves: Iterable[tuple[str, str, dict[int, float]]], donors: Sequence[Function]
) -> Iterator[Function]:
    for name, family, curve in curves:
        middle = float(np.median(list(curve.values())))
        near = sorted(donors, key=lambda f: abs(math.log(float(np.median(f.mean_ms)) / middle)))[:4]
        donor = near[int(hashlib.sha256(name.encode()).hexdigest(), 16) % len(near)]
        samples = {}
        for size, mean in curve.items():
            at = min(donor.sizes, key=lambda other: abs(math.log(other / size)))
            values = donor.samples[at]
            samples[size] = np.sort(np.maximum(mean * values / values.mean(), 0.3))
        yield Function(name, "curves", family, samples)
