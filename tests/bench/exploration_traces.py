"""Measured functions as random sources of durations: what a simulated tuner invokes and pays for.

`raw` functions resample their own invocations. Where only means were published, a `mean` function
multiplies them by residuals of the raw function whose duration is closest, stretched to the spread
that is known for durations as short: spread and tails are real, if not that function's own.
Between two measured sizes quantiles are interpolated in log duration against log memory.
"""

import csv
import gzip
import io
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lambdatuning.core.sizes import ALL_POWERS, DEFAULT_POWERS

Floats = npt.NDArray[np.float64]
TRACES = Path(__file__).parents[2] / "data" / "traces"
TRIM = 0.2
QUANTILES = 400
MIN_SIZES = 4
MIN_RANGE = 3.0
"""Fewer sizes, or sizes closer together, leave nothing to tune."""

SHORT_MS, SHORT_SPREAD = 50.0, 0.12
"""No raw function is as short as this; the published p99 of short ones is 1.2 to 3.7 times their
mean, which a log-normal spread of 0.12 at 50 ms, growing as durations shrink, stands for."""


@dataclass(frozen=True)
class Trace:
    """A function that was measured at several sizes.

    `quantiles` maps each measured size to sorted durations in ms, all of one length; `source` is
    who published it and `family` what may not be split between teaching and testing.
    """

    name: str
    source: str
    family: str
    quantiles: Mapping[int, Floats]
    _known: dict[tuple[int, bool], float] = field(default_factory=dict, repr=False)
    _between: dict[int, Floats] = field(default_factory=dict, repr=False)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The measured sizes, ascending."""
        return tuple(self.quantiles)

    @property
    def grid(self) -> tuple[int, ...]:
        """Power Tuning's default sizes within what was measured, and its upper end."""
        low, high = self.sizes[0], min(self.sizes[-1], DEFAULT_POWERS[-1])
        inside = [size for size in DEFAULT_POWERS if low <= size <= high]
        return (*inside, high) if high > 1.15 * inside[-1] else tuple(inside)

    @property
    def fine(self) -> tuple[int, ...]:
        """Every 64 MB within what was measured."""
        return tuple(m for m in ALL_POWERS if self.sizes[0] <= m <= self.sizes[-1])

    def sorted_at(self, memory_mb: int) -> Floats:
        """Sorted durations at a size, interpolated where it was not measured."""
        found = self.quantiles.get(memory_mb)
        if found is None:
            found = self._between.get(memory_mb)
        if found is None:
            found = self._between[memory_mb] = self._interpolated(memory_mb)
        return found

    def _interpolated(self, memory_mb: int) -> Floats:
        sizes = self.sizes
        j = min(max(int(np.searchsorted(sizes, memory_mb)), 1), len(sizes) - 1)
        low, high = sizes[j - 1], sizes[j]
        share = math.log(memory_mb / low) / math.log(high / low)
        share = min(max(share, 0.0), 1.0)
        below, above = np.log(self.quantiles[low]), np.log(self.quantiles[high])
        return np.asarray(np.exp((1 - share) * below + share * above))

    def draw(self, memory_mb: int, count: int, rng: np.random.Generator) -> Floats:
        """`count` warm durations in ms."""
        values = self.sorted_at(memory_mb)
        return values[rng.integers(0, len(values), count)]

    def duration_ms(self, memory_mb: int) -> float:
        """The truth: the trimmed mean of all that was measured."""
        return self._cached(memory_mb, billed=False)

    def billed_ms(self, memory_mb: int) -> float:
        """The trimmed mean of whole billed milliseconds."""
        return self._cached(memory_mb, billed=True)

    def _cached(self, memory_mb: int, *, billed: bool) -> float:
        if (memory_mb, billed) not in self._known:
            values = self.sorted_at(memory_mb)
            self._known[memory_mb, billed] = trimmed(np.ceil(values) if billed else values)
        return self._known[memory_mb, billed]


def trimmed(values: Floats) -> float:
    """Power Tuning's mean: a fifth dropped at each end."""
    ordered = np.sort(values)
    cut = int(len(ordered) * TRIM)
    return float(ordered[cut : len(ordered) - cut].mean())


def read_traces(folder: Path) -> tuple[Trace, ...]:
    """Every function of a folder of traces that has enough sizes to be tuned, sorted by name."""
    raw = [trace for trace in _raw(folder) if trace.sizes]
    donors = raw or list(_raw(TRACES))
    found = [*raw, *_means(folder, donors), *_power_tuning(folder, donors)]
    return tuple(sorted(filter(_tunable, found), key=lambda trace: trace.name))


def _tunable(trace: Trace) -> bool:
    sizes = trace.sizes
    low, high = sizes[0], min(sizes[-1], DEFAULT_POWERS[-1])
    return len(sizes) >= MIN_SIZES and high / low >= MIN_RANGE - 0.1 and len(trace.grid) > 1


def _rows(folder: Path, stem: str) -> Iterator[dict[str, str]]:
    """Rows of `stem.csv` or `stem.csv.gz`; none where the folder has neither."""
    for path in (folder / f"{stem}.csv.gz", folder / f"{stem}.csv"):
        if path.exists():
            data = path.read_bytes()
            text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
            yield from csv.DictReader(io.StringIO(text))
            return


def _raw(folder: Path) -> Iterator[Trace]:
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in _rows(folder, "raw_invocations"):
        if row.get("kind", "warm") == "warm" and row["duration_ms"]:
            name = row["function_id"]
            found[name][int(float(row["memory_mb"]))].append(float(row["duration_ms"]))
    for name, by_size in found.items():
        yield Trace(name, _source(name), name, _common_length(by_size))


def _common_length(by_size: Mapping[int, Sequence[float]]) -> dict[int, Floats]:
    enough = {size: values for size, values in by_size.items() if len(values) >= 10}
    length = max((len(values) for values in enough.values()), default=0)
    places = (np.arange(length) + 0.5) / max(length, 1)
    return {size: np.quantile(enough[size], places) for size in sorted(enough)}


def _means(folder: Path, donors: Sequence[Trace]) -> Iterator[Trace]:
    means: dict[str, dict[int, tuple[float, float]]] = defaultdict(dict)
    for row in _rows(folder, "mean_curves"):
        p99 = float(row["p99_ms"]) if row.get("p99_ms") else math.nan
        means[row["function_id"]][int(float(row["memory_mb"]))] = (float(row["mean_ms"]), p99)
    for name, curve in means.items():
        yield _from_means(name, _source(name), _family(name), curve, donors)


def _power_tuning(folder: Path, donors: Sequence[Trace]) -> Iterator[Trace]:
    curves: dict[str, dict[int, tuple[float, float]]] = defaultdict(dict)
    family: dict[str, str] = {}
    for row in _rows(folder, "power_tuning_results"):
        name = f"power-tuning/{row['url_id']}"
        curves[name][int(float(row["memory_mb"]))] = (float(row["mean_ms"]), math.nan)
        family[name] = "power-tuning/" + row["function"].rsplit("/", 1)[-1]
    for name, curve in curves.items():
        yield _from_means(name, "power-tuning", family[name], curve, donors)


def _from_means(
    name: str,
    source: str,
    family: str,
    curve: Mapping[int, tuple[float, float]],
    donors: Sequence[Trace],
) -> Trace:
    middle = float(np.median([mean for mean, _ in curve.values()]))
    donor = min(donors, key=lambda d: abs(math.log(_middle(d) / middle)))
    quantiles = {
        size: mean * _residuals(donor, size, mean, p99) for size, (mean, p99) in curve.items()
    }
    return Trace(name, source, family, {size: quantiles[size] for size in sorted(quantiles)})


def _middle(trace: Trace) -> float:
    return float(np.median([values.mean() for values in trace.quantiles.values()]))


def _residuals(donor: Trace, memory_mb: int, mean_ms: float, p99_ms: float) -> Floats:
    """Residual factors around a trimmed mean of 1, stretched to the spread of such durations."""
    values = donor.sorted_at(memory_mb)
    logs = np.log(values / trimmed(values))
    if not math.isnan(p99_ms) and p99_ms > mean_ms:
        stretch = math.log(p99_ms / mean_ms) / max(float(np.quantile(logs, 0.99)), 1e-3)
        stretch = min(stretch, 12.0)
    elif mean_ms < SHORT_MS:
        wanted = SHORT_SPREAD * (SHORT_MS / mean_ms) ** 0.25
        stretch = max(wanted / float(np.std(np.clip(logs, *np.quantile(logs, [0.05, 0.95])))), 1.0)
    else:
        stretch = 1.0
    spread = np.exp(np.minimum(logs * stretch, 2.5))
    return np.asarray(spread / trimmed(spread))


def _source(name: str) -> str:
    return name.split("/", maxsplit=1)[0]


def _family(name: str) -> str:
    """`light-nodejs22-arm64` and `light-rust-x86_64` are one workload."""
    source, _, rest = name.partition("/")
    workload = rest.rsplit("-", 2)[0] if rest.count("-") >= 2 and "image" not in rest else rest
    return f"{source}/{workload}"
