"""How often do 95 % intervals of predicted sizes cover the truth? `make bench-predictions`.

Functions that were measured at many sizes (data/traces) are sampled at 6 of them, with an error of
1 or 5 %, and predicted in the middle of each gap, and at 1,769 and 2,176 MB. The truth is the mean
that was measured there.

The last line has `{"predictions": [{"source", "error", "at", "predicted", "covered", "below",
"above", "off"}]}`: the shares of the intervals that cover the truth, and of truths below or
above them; `off` is the median of the absolute error of the prediction.
"""

import argparse
import csv
import gzip
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lambdatuning.analysis.predicted import middles, predicted_ms

TRACES = Path(__file__).parents[2] / "data" / "traces"
SIZES = (128, 256, 512, 1024, 1536, 3008)
STEMS = ("raw_invocations", "raw_invocations_noisy", "mean_curves")
LEAST_SIZES, SPECIAL = 20, (1769, 2176)

Predicted = tuple[int, float, float, float, float]


def functions(folder: Path) -> Iterator[tuple[str, str, Mapping[int, float]]]:
    """Source, name and mean durations of the functions that were measured at many sizes."""
    durations: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for stem, column in (
        ("raw_invocations", "duration_ms"),
        ("raw_invocations_noisy", "duration_ms"),
        ("mean_curves", "mean_ms"),
    ):
        with gzip.open(folder / f"{stem}.csv.gz", "rt") as file:
            for row in csv.DictReader(file):
                if row.get("kind", "warm") == "warm" and row[column]:
                    name = row["function_id"]
                    at = int(float(row["memory_mb"]))
                    durations[stem, name][at].append(float(row[column]))
    for (stem, name), by_size in sorted(durations.items()):
        means = {size: sum(values) / len(values) for size, values in sorted(by_size.items())}
        if len(means) >= LEAST_SIZES and all(_near(means, size) for size in SIZES):
            yield stem, name, means


def _near(means: Mapping[int, float], size: int) -> int:
    """The measured size that is within 3 % of another; 0 where there is none."""
    near = min(means, key=lambda other: abs(math.log(other / size)))
    return near if abs(math.log(near / size)) < 0.03 else 0


def trials(
    means: Mapping[int, float], error: float, seed: int
) -> Iterator[tuple[int, float, float, float, float]]:
    """Size, truth, prediction and both ends of its interval, of each predicted size."""
    rng = np.random.default_rng(seed)
    sizes = tuple(_near(means, size) for size in SIZES)
    measured_ms = np.array(
        [means[size] * math.exp(error * rng.standard_normal()) for size in sizes]
    )
    resampled = measured_ms * np.exp(error * rng.standard_normal((2_000, len(sizes))))
    new = sorted(
        {near for size in (*middles(sizes), *SPECIAL) if (near := _near(means, size))} - set(sizes)
    )
    if new:
        ms, draws_ms = predicted_ms(sizes, measured_ms, resampled, new)
        low, high = np.quantile(draws_ms, [0.025, 0.975], axis=0)
        for k, size in enumerate(new):
            yield size, means[size], float(ms[k]), float(low[k]), float(high[k])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--traces", type=Path, default=TRACES)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    rows: dict[tuple[str, float, str], list[tuple[float, ...]]] = defaultdict(list)
    for stem, _, means in functions(options.traces):
        for error in (0.01, 0.05):
            for seed in range(options.seeds):
                for size, truth, ms, low, high in trials(means, error, seed):
                    row = (low <= truth <= high, truth < low, truth > high, abs(ms / truth - 1))
                    group = "noisy" if stem.endswith("noisy") else "quiet"
                    rows[group, error, "all"].append(row)
                    if 1700 < size < 2300:
                        rows[group, error, "1,769 to 2,300 MB"].append(row)
    lines: list[dict[str, Any]] = []
    for (group, error, at), rows_of_group in rows.items():
        covered, below, above, off = np.array(rows_of_group, float).T
        lines.append(
            {
                "source": group,
                "error": error,
                "at": at,
                "predicted": len(rows_of_group),
                "covered": round(float(covered.mean()), 4),
                "below": round(float(below.mean()), 4),
                "above": round(float(above.mean()), 4),
                "off": round(float(np.median(off)), 4),
            }
        )
    for line in lines:
        print(line)
    print(json.dumps({"predictions": lines}))


if __name__ == "__main__":
    main()
