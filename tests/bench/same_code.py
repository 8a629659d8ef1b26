"""How often `compare` calls runs of the same code different, and how often it finds what is slower.

Every two runs of the same code in a store are compared (`--store`; make some by repeating
`lambdatuning benchmark --local --store FOLDER` over an hour). `before` is what intervals from
inside the runs alone say, `now` with what is known of runs of the same code, `halves` with what
the other half of the runs taught alone. Then every payload type of the later run is made slower by
`--slower` per cent: `found` is the share of pairs in which that is a regression.

The last line has `{"same_code": [{"judged", "max_regression", "pairs", "false_alarms",
"differing", "by_payload", "sizes_outside"}], "found": [...], "learned": {...}}`: shares of pairs
with a regression in either direction, with any significant difference, with one by payload type;
and of all cells (payload type and size) whose interval excludes zero.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lambdatuning.analysis.compare.comparison import MAX_REGRESSION, regressions
from lambdatuning.analysis.compare.noise import FLOOR, Noise, ratio, same_code
from lambdatuning.analysis.compare.pair import MEASURES, Pair, pair
from lambdatuning.analysis.run import Run
from lambdatuning.api.runs import load_runs

FEE_USD = 0.2e-6
"""Of a request; the rest of a sample's cost grows with its billed duration."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--store", type=Path, nargs="+", default=[Path("data/recorded")])
    parser.add_argument("--slower", type=float, default=10.0, help="per cent")
    options = parser.parse_args()
    runs = _runs(options.store)
    print(f"{len(runs)} runs of the same code: {', '.join(run.run_id for run in runs)}")
    learned = [_learned(half) for half in (runs[::2], runs[1::2])]
    apart = [(a, b, learned[1]) for a, b in combinations(runs[::2], 2)]
    apart += [(a, b, learned[0]) for a, b in combinations(runs[1::2], 2)]
    own = [(a, b, Noise(1.0, 0.0, 10**6)) for a, b in combinations(runs, 2)]
    widened = [(a, b, Noise()) for a, b in combinations(runs, 2)]
    told = {"before": _pairs(own), "now": _pairs(widened), "halves": _pairs(apart)}
    lines = [
        line
        for name, pairs in told.items()
        for allowed in (0.0, MAX_REGRESSION)
        for line in _alarms(name, pairs, allowed)
    ]
    slower = _pairs((a, _slower(b, options.slower / 100), noise) for a, b, noise in widened)
    found = [_found(slower, options.slower, allowed) for allowed in (0.0, MAX_REGRESSION)]
    for line in (*lines, *found):
        print(line)
    print(json.dumps({"same_code": lines, "found": found, "learned": vars(_learned(runs))}))


def _runs(stores: Sequence[Path]) -> list[Run]:
    """The largest set of grids of the same code with the same payload types and sizes."""
    runs = [run for store in stores for run in load_runs(store, "all") if not run.adaptive]
    alike: dict[object, list[Run]] = {}
    for same in same_code(runs):
        for run in same:
            alike.setdefault((run.payloads, run.sizes), []).append(run)
    largest = max(alike.values(), key=len)
    return sorted(largest, key=lambda run: run.run_id)


def _learned(runs: Sequence[Run]) -> Noise:
    found = ratio(runs) if len(runs) > 1 else None
    return Noise(1.0 if found is None else max(found**0.5, 1.0), FLOOR, len(runs))


def _pairs(given: Iterable[tuple[Run, Run, Noise]]) -> list[Pair]:
    return [pair(before, after, noise=noise) for before, after, noise in given]


def _alarms(name: str, pairs: Sequence[Pair], allowed: float) -> Iterable[dict[str, Any]]:
    if not pairs:
        return
    forward = [bool(regressions([each], allowed)) for each in pairs]
    backward = [
        any(c.high < 0 and 1 / (1 + c.value) - 1 > allowed for c in each.changes.values())
        for each in pairs
    ]
    payloads = pairs[0].overall["payload"]
    differing = {
        str(p): float(np.mean([any(e.change(p, m).real for m in MEASURES) for e in pairs]))
        for p in payloads
    }
    cells = pd.concat([each.by_size for each in pairs])
    outside = (cells["duration_low_change"] > 0) | (cells["duration_high_change"] < 0)
    yield {
        "judged": name,
        "max_regression": allowed,
        "pairs": len(pairs),
        "false_alarms": round(float(np.mean([*forward, *backward])), 3),
        "differing": round(float(np.mean(_any_real(pairs))), 3),
        "by_payload": {name: round(share, 3) for name, share in differing.items() if share},
        "sizes_outside": round(float(outside.mean()), 3),
        "by_size": outside.groupby(cells["memory_mb"]).mean().round(3).to_dict(),
    }


def _any_real(pairs: Sequence[Pair]) -> list[bool]:
    return [any(change.real for change in each.changes.values()) for each in pairs]


def _found(pairs: Sequence[Pair], slower: float, allowed: float) -> dict[str, Any]:
    worse = [{each.payload for each in regressions([p], allowed)} for p in pairs]
    return {
        "slower_percent": slower,
        "max_regression": allowed,
        "found": round(float(np.mean([bool(each) for each in worse])), 3),
        "by_payload": {
            str(name): round(float(np.mean([name in each for each in worse])), 3)
            for name in pairs[0].overall["payload"]
        },
    }


def _slower(run: Run, share: float) -> Run:
    """The same run with all that it does slower, and billed accordingly."""
    samples = run.samples
    duration_ms = samples["duration_ms"] * (1 + share)
    billed_ms = np.ceil(duration_ms + samples["init_ms"].fillna(0))
    per_ms = (samples["cost_usd"] - FEE_USD) / samples["billed_ms"]
    return Run(
        replace(run.manifest, code_sha256="slower"),
        samples.assign(
            duration_ms=duration_ms, billed_ms=billed_ms, cost_usd=FEE_USD + per_ms * billed_ms
        ),
    )


if __name__ == "__main__":
    main()
