"""How fast do logs and stored samples become frames? `make bench-frames`; one JSON line last.

A file of REPORT lines, text and JSON mixed, is read into the samples frame by `read_reports`, and
by a plain loop of pandas' `str.extract` over the same fields; then stored samples are read and
summarised. Every measurement is a process of its own, for its peak memory; each is repeated, in
turns with the others, and the least disturbed one counts. Rates are per second of CPU time, so that
other load on the machine does not decide. Against polars, which uses all cores as `read_reports`
does, the clock decides: 500,000 text lines to the samples frame, and to six extracted columns.

The last line: `rows_per_s` of `read_reports`; `rate_ratio` and `memory_ratio` to the plain loop;
`polars_ratio`, the rate of polars' `str.extract` of six fields over ours; `growth_exponent` of its
time over three sizes (1 is linear); `summary_rows_per_s` from stored parts to the finished summary.
"""

import argparse
import json
import math
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PATTERNS = {
    "request_id": r'(?:RequestId: |"requestId": ?")([^\s"]+)',
    "duration_ms": r'(?:\tDuration: |"durationMs": ?)([\d.]+)',
    "billed_ms": r'(?:\tBilled Duration: |"billedDurationMs": ?)([\d.]+)',
    "memory_mb": r'(?:\tMemory Size: |"memorySizeMB": ?)([\d.]+)',
    "max_memory_mb": r'(?:\tMax Memory Used: |"maxMemoryUsedMB": ?)([\d.]+)',
    "init_ms": r'(?:\tInit Duration: |"initDurationMs": ?)([\d.]+)',
    "restore_ms": r'(?:\tRestore Duration: |"restoreDurationMs": ?)([\d.]+)',
    "status": r'(?:\tStatus: |"status": ?")(\w+)',
    "error_type": r'(?:\tError Type: |"errorType": ?")([\w.]+)',
    "started_at": r'"time": ?"([^"]+)"',
}
"""What a user would write: one expression a field, for either format."""

_NUMBERS = ("duration_ms", "billed_ms", "memory_mb", "max_memory_mb", "init_ms", "restore_ms")
_PART_ROWS = 50_000


POLARS_LINES = 500_000

POLARS_PATTERNS = {
    "request_id": r"RequestId: (\S+)",
    "duration_ms": r"\tDuration: ([\d.]+) ms",
    "billed_ms": r"Billed Duration: ([\d.]+) ms",
    "memory_mb": r"Memory Size: (\d+) MB",
    "max_memory_mb": r"Max Memory Used: (\d+) MB",
    "init_ms": r"Init Duration: ([\d.]+) ms",
}


def write_lines(path: Path, count: int, *, text_alone: bool = False) -> None:
    """Reports of several sizes, half of them JSON; some cold, some failed."""
    rng = random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(_line(rng, 2 * n + 1 if text_alone else n) for n in range(count))


def _line(rng: random.Random, n: int) -> str:
    request_id = f"{n:08x}-0000-4000-8000-{rng.randrange(16**12):012x}"
    ms, size = round(rng.lognormvariate(3, 1), 2), rng.choice((128, 256, 512, 1024, 1769))
    init_ms = round(rng.uniform(100, 400), 2) if rng.random() < 0.03 else None
    failed = rng.random() < 0.01
    if n % 2:
        init = f"Init Duration: {init_ms} ms\t" if init_ms else ""
        end = "Status: error\tError Type: Runtime.ExitError\t" if failed else ""
        return (
            f"REPORT RequestId: {request_id}\tDuration: {ms} ms\tBilled Duration: "
            f"{math.ceil(ms)} ms\tMemory Size: {size} MB\tMax Memory Used: 70 MB\t{init}{end}\n"
        )
    metrics = {"durationMs": ms, "billedDurationMs": math.ceil(ms), "memorySizeMB": size}
    metrics |= {"maxMemoryUsedMB": 70} | ({"initDurationMs": init_ms} if init_ms else {})
    record = {"requestId": request_id, "metrics": metrics, "status": "success"}
    if failed:
        record |= {"status": "error", "errorType": "Runtime.ExitError"}
    value = {"time": "2026-11-23T09:05:00.123Z", "type": "platform.report", "record": record}
    return json.dumps(value) + "\n"


def read_ours(path: Path) -> int:
    """The samples frame, costs included."""
    from lambdatuning.api.logs import read_reports

    return len(read_reports(path))


def read_plainly(path: Path) -> int:
    """The same fields by pandas alone."""
    import pandas as pd

    lines = pd.Series(path.read_text(encoding="utf-8").splitlines())
    lines = lines[lines.str.contains(r"^REPORT RequestId|platform\.report")]
    frame = pd.DataFrame()
    for name, pattern in PATTERNS.items():
        frame[name] = lines.str.extract(pattern, expand=False)
    for name in _NUMBERS:
        frame[name] = frame[name].astype(float)
    frame["started_at"] = pd.to_datetime(frame["started_at"], utc=True)
    return len(frame)


def read_by_polars(path: Path) -> int:
    """Six fields of text lines by polars, as fast as it reads and extracts them."""
    import polars as pl

    lines = pl.read_csv(
        path, has_header=False, separator="\x01", quote_char=None, new_columns=["line"]
    )
    extracted = lines.select(
        pl.col("line").str.extract(pattern).alias(name)
        if name == "request_id"
        else pl.col("line").str.extract(pattern).cast(pl.Float64).alias(name)
        for name, pattern in POLARS_PATTERNS.items()
    )
    return len(extracted)


def summarise_stored(path: Path) -> int:
    """Every stored part of a run, to the summary with its intervals."""
    from lambdatuning.analysis.frames import read_parts
    from lambdatuning.study import Study

    frame = read_parts(part.read_bytes() for part in sorted(path.glob("*.gz")))
    assert Study(frame).summary()["mean_low_ms"].notna().all()
    return len(frame)


def write_parts(folder: Path, count: int) -> None:
    """Stored samples of 10 payload types at 6 sizes on 20 environments each."""
    import pandas as pd

    from lambdatuning.core.tuning.records import COLUMNS

    rng = np.random.default_rng(1)
    for part, begin in enumerate(range(0, count, _PART_ROWS)):
        n = np.arange(begin, min(begin + _PART_ROWS, count))
        size = np.array([128, 256, 512, 1024, 1769, 3008])[n % 6]
        ms = (3e4 / size * rng.lognormal(0, 0.2, len(n))).round(2)
        values = {
            "payload": np.array([f"type-{k}" for k in range(10)])[n // 6 % 10],
            "memory_mb": size,
            "invocation": n,
            "cold": "false",
            "environment": np.char.add(
                "2026/11/23/[1]", (rng.integers(20, size=len(n))).astype(str)
            ),
            "started_at": "2026-11-23T09:05:00.123456+00:00",
            "duration_ms": ms,
            "billed_ms": np.ceil(ms).astype(int),
            "max_memory_mb": 70,
            "cost_usd": size / 1024 * np.ceil(ms) / 1000 * 0.0000166667 + 2e-7,
            "request_id": [f"{k:08x}-0000-4000-8000-0123456789ab" for k in n],
            "architecture": "x86_64",
            "retries": 0,
        }
        frame = pd.DataFrame(values).reindex(columns=list(COLUMNS))
        frame.to_csv(
            folder / f"samples-{part:05}.csv.gz",
            index=False,
            compression={"method": "gzip", "compresslevel": 1},
        )


JOBS = {
    "ours": read_ours,
    "plain": read_plainly,
    "polars": read_by_polars,
    "summary": summarise_stored,
}


@dataclass(frozen=True, order=True)
class Measurement:
    """One job in a process of its own."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    rows: int


def measure(job: str, path: Path) -> Measurement:
    """CPU and elapsed seconds, peak memory and rows of one job in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.frames", "--job", job, "--path", str(path)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    measurement = Measurement(*json.loads(process.stdout.splitlines()[-1]))
    print(
        f"{job:8} {measurement.rows:>10,} rows {measurement.cpu_s:7.2f} s of CPU "
        f"{measurement.wall_s:7.2f} s {measurement.peak_mb:7.0f} MB",
        flush=True,
    )
    return measurement


def _job(name: str, path: Path) -> None:
    import pandas as pd

    pd.Series(["warm"]).str.extract("(w)")  # imports are no part of the rate
    warm = path.with_name("warm.log")
    if name in {"ours", "polars"} and warm.exists():
        JOBS[name](warm)
    began, began_cpu = time.perf_counter(), time.process_time()
    rows = JOBS[name](path)
    wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([cpu, wall, peak_mb, rows]))


def run(lines: int, stored: int, repeats: int) -> dict[str, float]:
    """All of it."""
    sizes = (lines // 4, lines // 2, lines)
    tries: dict[tuple[str, str], list[Measurement]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_lines(folder / "warm.log", 2, text_alone=True)
        write_lines(folder / "text.log", POLARS_LINES, text_alone=True)
        for size in sizes:
            write_lines(folder / f"{size}.log", size)
        jobs = [("ours", str(size)) for size in sizes] + [("plain", str(lines))]
        jobs += [("ours", "text"), ("polars", "text")]
        for job, file in [*_turns(jobs, repeats)]:
            tries.setdefault((job, file), []).append(measure(job, folder / f"{file}.log"))
        write_parts(folder, stored)
        summary = measure("summary", folder)
    best = {key: min(measurements) for key, measurements in tries.items()}
    ours, plain = best["ours", str(lines)], best["plain", str(lines)]
    times = [best["ours", str(size)].cpu_s for size in sizes]
    elapsed = {
        job: min(measurement.wall_s for measurement in tries[job, "text"])
        for job in ("ours", "polars")
    }
    return {
        "rows_per_s": round(lines / ours.cpu_s),
        "rate_ratio": round(plain.cpu_s / ours.cpu_s, 2),
        "memory_ratio": round(ours.peak_mb / plain.peak_mb, 3),
        "polars_ratio": round(elapsed["ours"] / elapsed["polars"], 2),
        "summary_rows_per_s": round(summary.rows / summary.cpu_s),
        "growth_exponent": round(float(np.polyfit(np.log(sizes), np.log(times), 1)[0]), 3),
    }


def _turns(jobs: list[tuple[str, str]], repeats: int) -> Iterator[tuple[str, str]]:
    for _ in range(repeats):
        yield from jobs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--stored", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--job", choices=JOBS)
    parser.add_argument("--path", type=Path)
    options = parser.parse_args()
    if options.job:
        _job(options.job, options.path)
        return
    print(json.dumps(run(options.lines, options.stored, options.repeats)))


if __name__ == "__main__":
    main()
