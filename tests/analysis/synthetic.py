"""Made-up runs for tests: CPU-bound and I/O-bound payload types on hosts that differ."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lambdatuning.analysis.frames import samples_frame
from lambdatuning.analysis.run import Run
from lambdatuning.cloud.run_store import FolderStore, save
from lambdatuning.core.tuning.manifest import Manifest
from lambdatuning.core.tuning.records import Sample, encode_part

SIZES = (128, 256, 512, 1024, 1536, 3008)
_USD_PER_GB_S = 0.0000166667
_USD_PER_REQUEST = 0.2e-6


@dataclass(frozen=True)
class Kind:
    """A payload type: milliseconds of waiting and of CPU at one vCPU, and memory needed."""

    name: str
    wait_ms: float
    cpu_ms: float
    weight: float = 1
    needs_mb: int = 0
    used_mb: int = 70


KINDS = (
    Kind("create-200b", 9, 2.2, weight=4),
    Kind("create-100kb", 18, 14, weight=1),
    Kind("read", 6, 1.8, weight=10),
    Kind("update", 9, 2.4, weight=4),
    Kind("delete", 8, 2.0, weight=2),
    Kind("list-small", 11, 9, weight=3),
    Kind("list-1mb", 45, 120, weight=1, needs_mb=200, used_mb=205),
    Kind("echo", 0.3, 0.5, weight=5),
    Kind("ping", 0.2, 0.4, weight=5),
    Kind("hash", 0.5, 150, weight=2),
)


def synthetic_run(
    kinds: Sequence[Kind] = KINDS, sizes: Sequence[int] = SIZES, **options: Any
) -> Run:
    """A run in memory; `options` as `synthetic_samples` and `synthetic_manifest` take them.

    Equal ones are one run: no test may change its samples.
    """
    if "about" in options:
        return _run(tuple(kinds), tuple(sizes), **options)
    return _shared_run(tuple(kinds), tuple(sizes), **options)


def _run(kinds: tuple[Kind, ...], sizes: tuple[int, ...], **options: Any) -> Run:
    manifest, samples = _made(kinds, sizes, **options)
    names = {"run_id": manifest.run_id, "function": manifest.function}
    return Run(manifest, samples_frame(samples, **names))


_shared_run = lru_cache(maxsize=200)(_run)


def changed(manifest: Manifest, about: Mapping[str, Any]) -> Manifest:
    """The manifest with other values, named and written as in its file."""
    return Manifest.from_json({**manifest.to_json(), **about})


def store_synthetic_run(
    folder: Path, kinds: Sequence[Kind] = KINDS, sizes: Sequence[int] = SIZES, **options: Any
) -> str:
    """The same run in a run store, in two parts; its id."""
    manifest, samples = _made(kinds, sizes, **options)
    half = len(samples) // 2
    parts = [
        ("samples-a.csv.gz", encode_part(samples[:half])),
        ("samples-b.csv.gz", encode_part(samples[half:])),
    ]
    return save(FolderStore(folder), manifest, parts).run_id


def _made(
    kinds: Sequence[Kind],
    sizes: Sequence[int],
    *,
    environments: int = 5,
    per_environment: int = 3,
    endpoint: str = "embedded",
    seed: int = 7,
    about: Mapping[str, Any] = MappingProxyType({}),
    **options: float,
) -> tuple[Manifest, list[Sample]]:
    num = environments * per_environment
    whole = synthetic_manifest(kinds, sizes, num=num, endpoint=endpoint, seed=seed)
    manifest = Manifest.from_json({**whole, **about})
    samples = synthetic_samples(kinds, sizes, environments, per_environment, seed=seed, **options)
    if endpoint == "aws":
        samples = [replace(sample, stolen_ms=None) for sample in samples]
    return replace(manifest, invocations=len(samples)), samples


def synthetic_samples(
    kinds: Sequence[Kind],
    sizes: Sequence[int],
    environments: int,
    per_environment: int,
    *,
    host_spread: float = 0.02,
    noise: float = 0.03,
    stolen: float = 0.004,
    seed: int,
) -> list[Sample]:
    """Samples of which every fact is known: warm duration = wait + CPU / share, uneven hosts."""
    rng = random.Random(seed)
    return [
        sample
        for size in sizes
        for environment in range(environments)
        for sample in _environment(
            rng, kinds, size, environment, per_environment, host_spread, noise, stolen
        )
    ]


def synthetic_manifest(
    kinds: Sequence[Kind], sizes: Sequence[int], *, num: int, endpoint: str, seed: int
) -> dict[str, Any]:
    """A manifest with every key that a stored run has."""
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:LambdaFunctionOverHttps"
    about: dict[str, Any] = {"kind": endpoint}
    if endpoint == "embedded":
        about |= {"limiter": "cgroup v2", "settle": "strict", "cores": 2}
    return {
        "schema": 1,
        "run_id": "20261123T090500-3f9a1c",
        "kind": "lambdatuning",
        "function": "LambdaFunctionOverHttps",
        "function_arn": arn,
        "code_sha256": "q3Yw0rj0v2kfTz0p8mO5yKXq7bH2cWl1nR4sT6uV8xA=",
        "runtime": "python3.12",
        "architecture": "x86_64",
        "current_memory_mb": 128,
        "timeout_s": 30,
        "region": "eu-west-1",
        "account_id": "123456789012",
        "endpoint": about,
        "state_machine_arn": "arn:aws:states:eu-west-1:123456789012:stateMachine:tuner",
        "execution_arn": "arn:aws:states:eu-west-1:123456789012:execution:tuner:one",
        "input": {},
        "output": {},
        "payloads": [
            {"name": kind.name, "description": f"made up {kind.name}", "weight": kind.weight}
            for kind in kinds
        ],
        "sizes": list(sizes),
        "num": num,
        "seed": seed,
        "strategy": "cost",
        "weight": 0.5,
        "price_book": {"version": "2026-09-01", "source": "test"},
        "started_at": "2026-11-23T09:05:00Z",
        "finished_at": "2026-11-23T09:07:31Z",
        "billed_ms_critical_path": 121_000,
        "wall_ms": 151_000,
        "overhead": 1.25,
        "retries": 0,
        "usd": 0.0123,
        "warnings": [],
    }


def _environment(
    rng: random.Random,
    kinds: Sequence[Kind],
    size: int,
    environment: int,
    per_environment: int,
    host_spread: float,
    noise: float,
    stolen: float,
) -> Iterator[Sample]:
    host = max(0.5, rng.gauss(1, host_spread))
    name = f"2026/11/23/[{size}]{environment:02d}"
    calls = [kind for kind in kinds for _ in range(per_environment)]
    rng.shuffle(calls)
    begin = datetime(2026, 11, 23, 9, 5, tzinfo=UTC) + timedelta(seconds=environment)
    for n, kind in enumerate([calls[0], *calls]):
        yield _sample(rng, kind, size, name, n, host * rng.lognormvariate(0, noise), begin, stolen)


def _sample(
    rng: random.Random,
    kind: Kind,
    size: int,
    environment: str,
    n: int,
    factor: float,
    begin: datetime,
    stolen: float,
) -> Sample:
    cold = n == 0
    share = min(size / 1769, 1.0)
    broken = size < kind.needs_mb
    duration_ms = round(factor * (kind.wait_ms + kind.cpu_ms / share), 2)
    init_ms = round(240 * factor, 2) if cold else None
    billed_ms = math.ceil(duration_ms + (init_ms or 0))
    return Sample(
        payload=kind.name,
        memory_mb=size,
        invocation=n,
        cold=cold,
        environment=environment,
        started_at=(begin + timedelta(milliseconds=50 * n)).isoformat(),
        duration_ms=duration_ms,
        billed_ms=billed_ms,
        init_ms=init_ms,
        restore_ms=None,
        max_memory_mb=min(size, kind.used_mb),
        error="Runtime.OutOfMemory" if broken else "",
        cost_usd=_USD_PER_REQUEST + _USD_PER_GB_S * size / 1024 * billed_ms / 1000,
        request_id=f"{size:08x}-0000-4000-8000-{rng.randrange(16**12):012x}",
        architecture="x86_64",
        stolen_ms=round(duration_ms * stolen, 3),
    )
