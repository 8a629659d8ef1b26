"""A run: its manifest and every sample of it; several runs as one; published curves as runs."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pandas import DataFrame

from ..core.errors import RunFailedError, UsageError, closest
from ..core.records import Sample
from ..core.sizes import Host, host_of
from ..core.strategies import CurvePoint
from .frames import read_parts, samples_frame
from .text.format import short_name

MERGED = "merged"
"""Where the manifest of a run that was merged from several keeps theirs (see `several`)."""


@dataclass(frozen=True, eq=False)
class Run:
    """One stored run. `samples` has the columns of `frames.COLUMNS`, one row an invocation."""

    manifest: Mapping[str, Any]
    samples: DataFrame

    @property
    def run_id(self) -> str:
        """Sortable id, UTC time first; "" for samples without a manifest."""
        return str(self.manifest.get("run_id", ""))

    @property
    def function(self) -> str:
        """Name of the function that was tuned."""
        known = self.manifest.get("function") or next(iter(self.samples["function"].unique()), "")
        return str(known)

    @property
    def embedded(self) -> bool:
        """Whether it ran on the embedded AWS: its absolute speed is this machine's, not AWS's."""
        return _part(self.manifest, "endpoint").get("kind") == "embedded"

    @property
    def host(self) -> Host | None:
        """The machine whose cores bound what could be told apart (of several the smallest); None
        on AWS."""
        found = [
            host_of(each.get("endpoint")) for each in self.manifest.get(MERGED, [self.manifest])
        ]
        return min((host for host in found if host), default=None)

    @property
    def beyond_mb(self) -> tuple[int, ...]:
        """Sizes of the run with more vCPUs than its host has cores; see `core.host`."""
        sizes = {*self.sizes, *map(int, self.manifest.get("sizes", ()))}
        return self.host.beyond(sizes) if self.host else ()

    @property
    def adaptive(self) -> bool:
        """Whether each step was chosen by what was measured before it."""
        return bool(self.exploration)

    @property
    def exploration(self) -> Mapping[str, Any]:
        """What an adaptive run tells of its steps and of its model; empty for a grid."""
        return _part(self.manifest, "exploration")

    @property
    def current_memory_mb(self) -> int | None:
        """Memory size of the function when the run began, if it is known."""
        size = self.manifest.get("current_memory_mb")
        return None if size is None else int(size)

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each measured payload type in the mix; 1 where the manifest names none."""
        stated = {each["name"]: each.get("weight", 1) for each in self.manifest.get("payloads", [])}
        return {name: float(stated.get(name, 1)) for name in self.payloads}

    @property
    def payloads(self) -> tuple[str, ...]:
        """Measured payload types: in the manifest's order, then what it does not name."""
        measured = set(self.samples["payload"].unique())
        stated = [each["name"] for each in self.manifest.get("payloads", [])]
        return (*(n for n in stated if n in measured), *sorted(measured - set(stated)))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Measured memory sizes, ascending."""
        return tuple(sorted(int(size) for size in self.samples["memory_mb"].unique()))

    def select(self, payloads: str | Sequence[str]) -> "Run":
        """The run with these payload types only; "" or an empty list are all of them.

        `payloads` is a list of names or one string with commas.

        Raises:
            UsageError: the run has no such payload type.
        """
        names = payloads.split(",") if isinstance(payloads, str) else payloads
        wanted = [name.strip() for name in names if name.strip()]
        for name in wanted:
            if name not in self.payloads:
                raise UsageError(
                    f'no payload type "{name}" in run {self.run_id}; {closest(name, self.payloads)}'
                )
        if not wanted:
            return self
        return Run(self.manifest, self.samples[self.samples["payload"].isin(wanted)])

    def __repr__(self) -> str:
        return (
            f"Run({self.run_id or 'unnamed'}: {self.function}, {len(self.samples):,} samples, "
            f"{len(self.payloads)} payload types x {len(self.sizes)} sizes)"
        )


def to_run(manifest: Mapping[str, Any], parts: Iterable[bytes]) -> Run:
    """A run from its stored manifest and the bytes of its parts (see `frames.read_parts`).

    Raises:
        RunFailedError: a part is damaged, missing or there twice.
    """
    names = {"run_id": str(manifest["run_id"]), "function": str(manifest["function"])}
    samples = read_parts(parts, **names)
    invocations = manifest.get("invocations")
    if invocations is not None and len(samples) != invocations:
        what = "parts are missing" if len(samples) < invocations else "parts are there twice"
        raise RunFailedError(
            f"run {names['run_id']} has {len(samples):,} samples of {invocations:,} invocations: "
            f"{what}; copy the run again, or delete it"
        )
    return Run(manifest, samples)


def as_run(source: Run | DataFrame) -> Run:
    """The run itself, or bare samples as a run without a manifest."""
    return source if isinstance(source, Run) else Run({}, source)


def _part(manifest: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = manifest.get(name)
    return found if isinstance(found, Mapping) else {}


# Several runs as one, and one of several functions taken apart again.


_SHARED = (
    "kind",
    "function",
    "function_arn",
    "architecture",
    "runtime",
    "code_sha256",
    "current_memory_mb",
    "region",
    "endpoint",
    "price_book",
    "num",
    "seed",
    "strategy",
    "weight",
)


def merge(runs: Sequence[Run]) -> Run:
    """One run with all samples; its manifest says what all agree on.

    Runs of one function pool their samples, which makes its intervals better: each run brings
    execution environments of its own. Runs of several functions or architectures keep them apart
    (see `apart`). UsageError without a run.
    """
    if not runs:
        raise UsageError("no run to look at; `lambdatuning runs` lists those that are stored")
    if len(runs) == 1:
        return runs[0]
    return Run(_manifest(runs), _samples(runs))


def apart(run: Run) -> list[Run]:
    """The run of each function and architecture that is in a run, in order of their names."""
    keys = run.samples[["function", "architecture"]].drop_duplicates().astype(str)
    names = sorted(keys.itertuples(index=False, name=None))
    if len(names) <= 1:
        return [run]
    return [_part_of(run, *name) for name in names]


def parts(run: Run) -> Sequence[Mapping[str, Any]]:
    """The manifests of the runs that were merged, or the only one."""
    found: Sequence[Mapping[str, Any]] = run.manifest.get(MERGED, [run.manifest])
    return found


def _part_of(run: Run, function: str, architecture: str) -> Run:
    samples = run.samples
    own = samples[(samples["function"] == function) & (samples["architecture"] == architecture)]
    manifests = [
        manifest
        for manifest in parts(run)
        if manifest.get("function", function) == function
        and manifest.get("architecture", architecture) == architecture
    ]
    return Run(_shared(manifests or [run.manifest]), own)


def _manifest(runs: Sequence[Run]) -> dict[str, Any]:
    flat = [manifest for run in runs for manifest in parts(run)]
    return _shared(sorted(flat, key=lambda manifest: str(manifest.get("run_id", ""))))


def _shared(manifests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the manifests agree on, the payload types of all, and the manifests themselves."""
    if len(manifests) == 1:
        return dict(manifests[0])
    first = manifests[0]
    same = {
        name: first[name]
        for name in _SHARED
        if all(each.get(name) == first.get(name) for each in manifests) and name in first
    }
    payloads = {each["name"]: each for m in manifests for each in m.get("payloads", [])}
    ids = [str(each.get("run_id", "")) for each in manifests]
    return {
        **same,
        "run_id": ", ".join(ids),
        "endpoint": same.get("endpoint") or _endpoint(manifests),
        "payloads": list(payloads.values()),
        "usd": sum(each.get("usd") or 0 for each in manifests),
        "started_at": min(str(each.get("started_at", "")) for each in manifests),
        "finished_at": max(str(each.get("finished_at", "")) for each in manifests),
        "warnings": [text for each in manifests for text in each.get("warnings", [])],
        MERGED: list(manifests),
    }


def _endpoint(manifests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The embedded AWS if any of them was measured there: what it limits, it limits for all."""
    found = [each.get("endpoint", {}) for each in manifests]
    embedded = [each for each in found if each.get("kind") == "embedded"]
    return dict((embedded or found)[0])


def _samples(runs: Sequence[Run]) -> DataFrame:
    """Samples under one another; environments of different runs never share a name."""
    frames = []
    for n, run in enumerate(runs):
        environment = run.samples["environment"].astype(str)
        frames.append(run.samples.assign(environment=environment.map(lambda e, n=n: f"{n}/{e}")))
    whole = pd.concat(frames, ignore_index=True)
    kinds = ("run_id", "function", "architecture", "payload", "environment", "error")
    return whole.astype(dict.fromkeys(kinds, "category"))


# Names that tell runs apart, no longer than is needed.


def labels(runs: Sequence[Run]) -> tuple[str, str]:
    """ "before" and "after", with the function, architecture or region where these differ."""
    told = [_told(run, runs) for run in runs]
    before, after = (", ".join(words) for words in told)
    return (before or "before", after or "after") if before != after else ("before", "after")


def _told(run: Run, runs: Sequence[Run]) -> list[str]:
    words = []
    names = {short_name(each.function) for each in runs}
    full = {each.function for each in runs}
    if len(full) > 1:
        words.append(short_name(run.function) if len(names) == len(full) else run.function)
    for key in ("architecture", "region"):
        values = [str(each.manifest.get(key) or "") for each in runs]
        if len(set(values)) > 1 and all(values):
            words.append(str(run.manifest[key]))
    return words


# Curves of others as runs: means by memory size, without the samples behind them.


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
