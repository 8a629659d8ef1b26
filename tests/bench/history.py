"""How often history alarms falsely, and how soon it finds changes, on simulated nights.

    make bench-history
    make bench-history OPTIONS="--nights 6000 --trials 200 --real 60"

A night is one run; where its verdict is "suspect", one more run the same night on a host drawn
again (a bad night stays bad half of the time), as `--confirm` does. Made up here, sharing no code
with the detector: cells with t-distributed errors, effects of the run and of run x payload type and
run x size, 3 % of nights 8 % slower, a weekly wave and a drift of 1 %, 5 % of nights missing. A
busy host slows a quarter of all runs by some 12 % more, and its effects have heavy tails; it is
judged as the embedded AWS is.

`--every N` histories have every measure: duration, p95, cold starts, memory used, failures
(1 % by chance) and drift, over 60 nights each; any report of any of them is a false alarm.

`--growth` loads indexed stores of so many runs. `--real N` measures N runs of the same code on the
embedded AWS (into `--store FOLDER`, or reads those that are there) and judges every one as a
night, all series together.
The last line is one line of JSON.
"""

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from lambdatuning.analysis.history.detector import (
    ALL,
    CONFIRMED,
    DEFAULT,
    SHARED_HOST,
    SIZE,
    SUSPECT,
    TYPE,
    Judgement,
    Panel,
    Thresholds,
    judge,
)
from lambdatuning.analysis.history.history import history as history_of
from lambdatuning.analysis.history.segments import learnt
from lambdatuning.analysis.history.summary import SCHEMA as LINE_SCHEMA
from lambdatuning.analysis.history.summary import CellSummary, RunSummary
from lambdatuning.api.history import summaries
from lambdatuning.cloud.run_index import indexed
from lambdatuning.cloud.run_store import FolderStore
from lambdatuning.core.progress import ignore
from lambdatuning.core.tuning.endpoint import Endpoint
from lambdatuning.core.tuning.manifest import MANIFEST_NAME

NICE = 10
SIZES = 6
RUNS_LIMIT = 60
"""Most runs of a history: more than the detector looks at."""


@dataclass
class Nights:
    """An endless supply of nights of one function whose code does not change by itself."""

    rng: np.random.Generator
    types: int = 10
    run_sd: float = 0.01
    noisy: float = 0.04
    steady: float = 0.015
    heavy: bool = False
    bad: float = 0.03
    stick: float = 0.5
    busy: float = 0.0
    part_sd: float = 0.01
    missing: float = 0.05
    values: list[Any] = field(default_factory=list)
    errors: list[Any] = field(default_factory=list)
    days: list[int] = field(default_factory=list)
    today: int = -1
    host: float = 0.0

    def __post_init__(self) -> None:
        """Draw what stays as it is."""
        spreads = np.where(np.arange(self.types) % 2 == 0, self.steady, self.noisy)
        self.cell_sd = np.repeat(spreads[:, None], SIZES, 1)
        self.level = self.rng.normal(3, 1, (self.types, SIZES))
        self.phase = self.rng.integers(7)
        self.slope = self.rng.choice([-1, 1]) * 0.01 / 30
        self.wave = 0.01 * np.sin(2 * np.pi * (np.arange(7) + self.rng.random()) / 7)
        self.step = np.zeros((self.types, SIZES))

    def _t4(self, sd: Any, shape: Any = None) -> Any:
        return sd * self.rng.standard_t(4, shape) / np.sqrt(2)

    def _effect(self, sd: float, shape: Any = None) -> Any:
        return self._t4(sd, shape) if self.heavy else sd * self.rng.normal(size=shape)

    def measure(self) -> None:
        """One run on tonight's host."""
        shape = self.level.shape
        common = self._effect(self.run_sd) + self.host + self.slope * self.today
        common += self.wave[(self.today + self.phase) % 7]
        if self.rng.random() < self.busy:
            common += self.rng.exponential(0.12)
        own = self._effect(self.part_sd, (self.types, 1))
        own = own + self._effect(0.7 * self.part_sd, (1, SIZES))
        self.values.append(self.level + self.step + common + own + self._t4(self.cell_sd, shape))
        self.errors.append(self.cell_sd * np.sqrt(self.rng.chisquare(9, shape) / 9))
        self.days.append(self.today)

    def night(self) -> None:
        """The next night that has a run."""
        self.today += 1
        while self.rng.random() < self.missing:
            self.today += 1
        self.host = 0.08 if self.rng.random() < self.bad else 0.0
        self.measure()

    def again(self) -> None:
        """The confirming run of the same night."""
        stays = self.rng.random() < self.stick
        worse = self.rng.random() < self.bad
        self.host = 0.08 if (self.host and stays) or (not self.host and worse) else 0.0
        self.measure()

    def forget(self, count: int = RUNS_LIMIT) -> None:
        """Drop the oldest runs."""
        del self.values[:-count], self.errors[:-count], self.days[:-count]

    @property
    def panel(self) -> Panel:
        """The history so far."""
        return Panel(np.array(self.values), np.array(self.errors), np.array(self.days))


def evening(nights: Nights, options: Thresholds) -> tuple[Judgement, int]:
    """One night: the judgement at its end, and how many runs it had."""
    nights.night()
    judgement = judge(nights.panel, options)
    if judgement.kind != SUSPECT:
        return judgement, 1
    nights.again()
    return judge(nights.panel, options), 2


@dataclass(frozen=True)
class Quiet:
    """Nights in which nothing changed."""

    nights: int
    alarms: int
    extra_runs: int


def quiet(seed: int, how: dict[str, Any], past: int, nights: int, options: Thresholds) -> Quiet:
    """Histories of `past` runs, each followed for some nights."""
    rng = np.random.default_rng(seed)
    follow = {5: 3, 10: 5, 30: 15, 100: 30}[past]
    night_count = alarms = extra = 0
    while night_count < nights:
        past_nights = history(rng, how, past)
        for _ in range(follow):
            judgement, runs = evening(past_nights, options)
            night_count, extra = night_count + 1, extra + runs - 1
            if judgement.kind == CONFIRMED:
                alarms += 1
                break
    return Quiet(night_count, alarms, extra)


def history(rng: np.random.Generator, how: dict[str, Any], past: int) -> Nights:
    """A function that was measured in `past` nights."""
    nights = Nights(rng, **how)
    for _ in range(past):
        nights.night()
    nights.forget()
    return nights


class Plant(NamedTuple):
    """A change that is planted: its size, the cells, and the series that should report it."""

    name: str
    step: float
    where: Any
    series: tuple[str, int]


EVERY = slice(None)
PLANTS = (
    Plant("+5 % everywhere", 0.05, EVERY, (ALL, 0)),
    Plant("+10 % of one type", 0.10, (0, EVERY), (TYPE, 0)),
    Plant("+10 % at one size", 0.10, (EVERY, 2), (SIZE, 2)),
)


@dataclass(frozen=True)
class Moved:
    """One planted change: the night of its alarm (1 is the first), by how many runs its place is
    off, and whether the right series reported it; None where there was no alarm."""

    night: int | None
    off: int | None = None
    right: bool = False


def moved(
    how: dict[str, Any], past: int, trials: int, options: Thresholds, plant: Plant
) -> Iterator[Moved]:
    """The change worse and better in turn, each followed for five nights."""
    rng = np.random.default_rng(7)
    for trial in range(trials):
        nights = history(rng, how, past)
        first = len(nights.values)
        nights.step[plant.where] += (1 if trial % 2 == 0 else -1) * np.log1p(plant.step)
        yield _followed(nights, first, options, plant)


def _followed(nights: Nights, first: int, options: Thresholds, plant: Plant) -> Moved:
    for night in range(1, 6):
        judgement, _ = evening(nights, options)
        if judgement.kind == CONFIRMED:
            right = tuple(judgement.series or ()) == plant.series
            return Moved(night, abs(judgement.since - first), right)
    return Moved(None)


def taught(how: dict[str, Any]) -> Thresholds:
    """The options that three other functions of the account teach, of thirty runs each."""
    rng = np.random.default_rng(11)
    return learnt([history(rng, how, 30).panel for _ in range(3)])


CALM = "10x6, runs differ by 1 %"
LEARNT = "10x6, 1 %, noise learnt from others"
BUSY = "4x6, busy host"
ROWS: dict[str, dict[str, Any]] = {
    CALM: {"run_sd": 0.01},
    LEARNT: {"run_sd": 0.01},
    "10x6, runs differ by 3 %": {"run_sd": 0.03},
    "10x6, 3 %, noisy, all effects t4": {"run_sd": 0.03, "noisy": 0.15, "heavy": True},
    "1x6, runs differ by 1 %": {"types": 1, "run_sd": 0.01},
    BUSY: {"types": 4, "run_sd": 0.03, "noisy": 0.1, "heavy": True, "busy": 0.25, "part_sd": 0.03},
}


def simulate(nights: int, trials: int, pasts: Sequence[int]) -> dict[str, Any]:
    """Print a line a row and length of history; the figures of the JSON line."""
    alarms = night_count = 0
    places: list[bool] = []
    power: dict[tuple[str, int, str], list[float]] = {}
    for (name, how), past in product(ROWS.items(), pasts):
        options = taught(how) if name == LEARNT else SHARED_HOST if name == BUSY else DEFAULT
        still = quiet(100 + past, how, past, nights, options)
        alarms, night_count = alarms + still.alarms, night_count + still.nights
        line = f"{name:36s} n={past:<3d} false alarms {still.alarms / still.nights:.2%}"
        line += f", extra runs {still.extra_runs / still.nights:.0%}"
        for plant in PLANTS[: 1 if how.get("types") == 1 else None]:
            changes = list(moved(how, past, trials, options, plant))
            by = [share([bool(f.night and f.night <= k) for f in changes]) for k in (1, 2, 3, 5)]
            near = [f.off <= 1 for f in changes if f.off is not None]
            places += near
            power[name, past, plant.name] = by
            written = "/".join(f"{part:.0%}" for part in by)
            line += f" | {plant.name} {written}, in its place {share(near):.0%}"
        print(line, flush=True)
    long, short = max(p for p in pasts if p <= 30), min(p for p in pasts if p >= 10)
    return {
        "false_alarms_per_night": round(alarms / night_count, 5),
        "nights": night_count,
        "power_10_same_night": power[CALM, long, PLANTS[1].name][0],
        "power_10_one_size_same_night": power[CALM, long, PLANTS[2].name][0],
        "power_5_three_nights": power[LEARNT, short, PLANTS[0].name][2],
        "power_5_three_nights_alone": power[CALM, short, PLANTS[0].name][2],
        "located_within_1": share(places),
    }


def share(hits: Sequence[bool]) -> float:
    """Of 1."""
    return round(sum(hits) / max(len(hits), 1), 4)


# All measures, not durations alone.

EVERY_NIGHTS = 60
MEMORIES_MB = (128, 256, 512, 1024, 1536, 3008)


def every_measure(count: int) -> dict[str, Any]:
    """Histories of functions whose code stays as it is: what is reported of them, by measure."""
    nights, counts = 0, Counter[str]()
    for (name, how), seed in product(ROWS.items(), range(count)):
        if name == LEARNT:
            continue
        rng = np.random.default_rng([seed, len(name)])
        runs = list(followed(rng, how, "embedded" if name == BUSY else "aws"))
        judged = history_of(runs)
        reports = [change.measure for change in judged.changes]
        drifts = [history_of(runs[:n]).verdict for n in range(20, len(runs) + 1, 10)]
        reports += ["drift" for drift in drifts for f in drift.findings if f.cause == "drift"]
        nights += len(runs)
        counts.update(reports)
    print(f"all measures: {nights} nights, {dict(counts)}", flush=True)
    return {
        "every_nights": nights,
        "every_false_alarms_per_night": share_of(counts.total(), nights),
    }


def followed(rng: np.random.Generator, how: dict[str, Any], kind: str) -> Iterator[RunSummary]:
    """The runs of one function with all that a summary has."""
    simulated = Nights(rng, **how)
    fails, start_sd = rng.choice([0.0, 0.01]), rng.choice([0.02, 0.06])
    used_mb = rng.uniform(60, 110, (simulated.types, SIZES))
    for _ in range(EVERY_NIGHTS):
        simulated.night()
        durations, errors = simulated.values[-1], simulated.errors[-1]
        tails = 0.15 + simulated._t4(0.05, durations.shape) + simulated._effect(0.02)
        started = 200 * np.exp(simulated._effect(start_sd) + simulated._t4(0.04, SIZES))
        failed = rng.binomial(15, fails, durations.shape)
        memory = np.round(used_mb + rng.normal(0, 0.7, used_mb.shape))
        cells = tuple(
            CellSummary(
                f"type-{p}",
                size,
                15,
                int(failed[p, s]),
                float(np.exp(durations[p, s])),
                float(errors[p, s]),
                float(tails[p, s]),
                float(np.exp(durations[p, s])) * 1e-8 * size,
                float(memory[p, s]),
            )
            for p in range(simulated.types)
            for s, size in enumerate(MEMORIES_MB)
        )
        day = datetime(2026, 1, 1, 3, tzinfo=UTC) + timedelta(days=simulated.today)
        yield RunSummary(
            run_id=f"{day:%Y%m%dT%H%M%S}-aaaaaa",
            function="f",
            started_at=day.isoformat(),
            endpoint=Endpoint(kind),
            cells=cells,
            init_ms={s: (float(started[n]), 0.04) for n, s in enumerate(MEMORIES_MB)},
        )


def share_of(hits: int, whole: int) -> float:
    """Of 1."""
    return round(hits / max(whole, 1), 5)


# How long a large store takes to load.


def growth(counts: Sequence[int], cells: int = 30) -> dict[str, float]:
    """Seconds for the summaries of stores of so many runs, once they are indexed."""
    took = {}
    for count in counts:
        with TemporaryDirectory() as folder:
            store = FolderStore(Path(folder))
            _fill(store, count, cells)
            _index(store)
            started = time.perf_counter()
            assert len(summaries(store)) == count
            took[str(count)] = round(time.perf_counter() - started, 2)
            print(f"{count:,} runs load in {took[str(count)]} s", flush=True)
    return took


def _fill(store: FolderStore, count: int, cells: int) -> None:
    """Runs as they lie in a store; their samples are not read where the index is right."""
    for n in range(count):
        prefix = store.root / f"function=f{n % 10}" / f"run=2026-{n:06d}"
        prefix.mkdir(parents=True)
        (prefix / MANIFEST_NAME).write_text(json.dumps({"runId": f"2026-{n:06d}", "function": "f"}))
        for part in range(4):
            (prefix / f"samples-{part}.csv.gz").write_bytes(b"")
    rng = np.random.default_rng(0)
    values = rng.normal(100, 5, cells)
    own = tuple(
        CellSummary(f"type-{k // 6}", 128 * (1 + k % 6), 10, 0, float(v), 0.02, 0.1, 1e-6, 80.0)
        for k, v in enumerate(values)
    )
    summary = RunSummary(run_id="", function="f", cells=own, init_ms={128: (200.0, 0.02)})
    line = summary.to_json()
    indexed(store, lambda run: {**line, "run_id": run.run_id}, version=str(LINE_SCHEMA))


def _index(store: FolderStore) -> None:
    """The first reading after runs were added."""
    summaries(store)


# Runs of the same code on the embedded AWS, all series together.


def real(count: int, powers: str, num: int, store: Path) -> None:
    """Add so many runs of the same code to a store."""
    import lambdatuning as lt

    types = ["echo", "ping", "digest", "read"]
    with lt.embedded() as cloud:
        for n in range(count):
            lt.benchmark(
                cloud, payload=types, powers=powers, num=num, store=store, on_progress=ignore
            )
            print(f"real run {n + 1} of {count}", flush=True)


def replayed(store: Path, shuffles: int) -> dict[str, int]:
    """The verdict of every night of a store, each run a night of its own: as they came, which has
    in it what the machine did at that time, and in random orders, which has the noise alone."""
    runs = sorted(summaries(FolderStore(store)), key=lambda run: run.run_id)
    rng = np.random.default_rng(5)
    shuffled = [[runs[k] for k in rng.permutation(len(runs))] for _ in range(shuffles)]
    own, others = alarms(runs), [alarms(order) for order in shuffled]
    return {
        "real_runs": len(runs),
        "real_false_alarms": own,
        "shuffled_nights": shuffles * len(runs),
        "shuffled_false_alarms": sum(others),
    }


def alarms(runs: Sequence[RunSummary]) -> int:
    """How many changes the history of these runs in this order reports."""
    ordered = [replace(run, run_id=f"{n:06d}", started_at="") for n, run in enumerate(runs)]
    changes = history_of(ordered).changes
    for change in changes:
        print(f"reported: {change}", flush=True)
    return len(changes)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nights", type=int, default=1500, help="quiet nights a row")
    parser.add_argument("--trials", type=int, default=60, help="planted changes a row")
    parser.add_argument("--every", type=int, default=4, help="histories of all measures a row")
    parser.add_argument("--past", type=int, nargs="+", default=[5, 10, 30, 100])
    parser.add_argument("--growth", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--real", type=int, default=0, help="runs on the embedded AWS")
    parser.add_argument("--powers", default="256,512,1024", help="of real runs")
    parser.add_argument("--num", type=int, default=6, help="of real runs")
    parser.add_argument("--store", type=Path, help="where real runs go, or are already")
    parser.add_argument("--shuffles", type=int, default=10, help="random orders of real runs")
    options = parser.parse_args()
    os.nice(NICE)
    figures = simulate(options.nights, options.trials, options.past) if options.nights else {}
    if options.every:
        figures |= every_measure(options.every)
    if options.growth:
        figures["load_s"] = growth(options.growth)
    with TemporaryDirectory() as folder:
        store = options.store or Path(folder)
        if options.real:
            real(options.real, options.powers, options.num, store)
        if options.real or options.store:
            figures |= replayed(store, options.shuffles)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
