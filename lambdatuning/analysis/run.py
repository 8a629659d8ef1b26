"""A run: its manifest and every sample of it; several runs as one; published curves as runs."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from pandas import DataFrame

from ..core.errors import RunFailedError, UsageError, closest
from ..core.manifest import MEANS, Manifest
from ..core.records import Sample
from ..core.sizes import Host, host_of
from ..core.strategies import CurvePoint
from .frames import read_parts, samples_frame
from .text.format import short_name


@dataclass(frozen=True, eq=False)
class Run:
    """One stored run. `samples` has the columns of `frames.COLUMNS`, one row an invocation."""

    manifest: Manifest
    samples: DataFrame

    @property
    def run_id(self) -> str:
        """Sortable id, UTC time first; "" for samples without a manifest."""
        return self.manifest.run_id

    @property
    def function(self) -> str:
        """Name of the function that was tuned."""
        return self.manifest.function or str(next(iter(self.samples["function"].unique()), ""))

    @property
    def embedded(self) -> bool:
        """Whether it ran on the embedded AWS: its absolute speed is this machine's, not AWS's."""
        return self.manifest.endpoint.get("kind") == "embedded"

    @property
    def host(self) -> Host | None:
        """The machine whose cores bound what could be told apart (of several the smallest); None
        on AWS."""
        found = [host_of(manifest.endpoint) for manifest in parts(self)]
        return min((host for host in found if host), default=None)

    @property
    def beyond_mb(self) -> tuple[int, ...]:
        """Sizes of the run with more vCPUs than its host has cores; see `core.host`."""
        sizes = {*self.sizes, *self.manifest.sizes}
        return self.host.beyond(sizes) if self.host else ()

    @property
    def adaptive(self) -> bool:
        """Whether each step was chosen by what was measured before it."""
        return bool(self.exploration)

    @property
    def exploration(self) -> Mapping[str, Any]:
        """What an adaptive run tells of its steps and of its model; empty for a grid."""
        return self.manifest.exploration

    @property
    def current_memory_mb(self) -> int | None:
        """Memory size of the function when the run began, if it is known."""
        return self.manifest.current_memory_mb

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each measured payload type in the mix; 1 where the manifest names none."""
        stated = {payload.name: payload.weight for payload in self.manifest.payloads}
        return {name: stated.get(name, 1.0) for name in self.payloads}

    @property
    def payloads(self) -> tuple[str, ...]:
        """Measured payload types: in the manifest's order, then what it does not name."""
        measured = set(self.samples["payload"].unique())
        stated = [payload.name for payload in self.manifest.payloads]
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


def to_run(manifest: Manifest, parts: Iterable[bytes]) -> Run:
    """A run from its stored manifest and the bytes of its parts (see `frames.read_parts`).

    Raises:
        RunFailedError: a part is damaged, missing or there twice.
    """
    samples = read_parts(parts, run_id=manifest.run_id, function=manifest.function)
    allowed = samples["error"].isin(manifest.input.get("allowedExceptions") or [])
    if allowed.any():  # successes of a payload type that is meant to fail, says a warning
        samples["error"] = samples["error"].astype(str).mask(allowed, "").astype("category")
    invocations = manifest.invocations
    if invocations is not None and len(samples) != invocations:
        what = "parts are missing" if len(samples) < invocations else "parts are there twice"
        raise RunFailedError(
            f"run {manifest.run_id} has {len(samples):,} samples of {invocations:,} invocations: "
            f"{what}; copy the run again, or delete it"
        )
    return Run(manifest, samples)


def as_run(source: Run | DataFrame) -> Run:
    """The run itself, or bare samples as a run without a manifest."""
    return source if isinstance(source, Run) else Run(Manifest(), source)


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


def parts(run: Run) -> Sequence[Manifest]:
    """The manifests of the runs that were merged, or the only one."""
    return run.manifest.parts or (run.manifest,)


def _part_of(run: Run, function: str, architecture: str) -> Run:
    samples = run.samples
    own = samples[(samples["function"] == function) & (samples["architecture"] == architecture)]
    manifests = [
        manifest
        for manifest in parts(run)
        if manifest.function in ("", function) and manifest.architecture in ("", architecture)
    ]
    return Run(_shared(manifests or [run.manifest]), own)


def _manifest(runs: Sequence[Run]) -> Manifest:
    flat = [manifest for run in runs for manifest in parts(run)]
    return _shared(sorted(flat, key=lambda manifest: manifest.run_id))


def _shared(manifests: Sequence[Manifest]) -> Manifest:
    """What the manifests agree on, the payload types of all, and the manifests themselves."""
    if len(manifests) == 1:
        return manifests[0]
    first = manifests[0]
    same: dict[str, Any] = {
        name: getattr(first, name)
        for name in _SHARED
        if all(getattr(each, name) == getattr(first, name) for each in manifests)
    }
    payloads = {payload.name: payload for each in manifests for payload in each.payloads}
    return replace(
        Manifest(**same),
        run_id=", ".join(each.run_id for each in manifests),
        endpoint=same.get("endpoint") or _endpoint(manifests),
        payloads=tuple(payloads.values()),
        usd=sum(each.usd or 0.0 for each in manifests),
        started_at=min(each.started_at for each in manifests),
        finished_at=max(each.finished_at for each in manifests),
        warnings=tuple(text for each in manifests for text in each.warnings),
        parts=tuple(manifests),
    )


def _endpoint(manifests: Sequence[Manifest]) -> Mapping[str, Any]:
    """The embedded AWS if any of them was measured there: what it limits, it limits for all."""
    found = [each.endpoint for each in manifests]
    embedded = [each for each in found if each.get("kind") == "embedded"]
    return (embedded or found)[0]


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
        values = [str(getattr(each.manifest, key)) for each in runs]
        if len(set(values)) > 1 and all(values):
            words.append(str(getattr(run.manifest, key)))
    return words


# Curves of others as runs: means by memory size, without the samples behind them.


PUBLISHED = "published curve"


def means_run(
    points: Iterable[CurvePoint], *, function: str, payload: str = PUBLISHED, **about: Any
) -> Run:
    """A run in which each mean stands as one sample on no known environment.

    `about` goes into its manifest (region, architecture, started_at, ...).
    """
    given = {"run_id": function, "payloads": [{"name": payload}], **about}
    manifest = Manifest.from_json({**given, "function": function, "kind": MEANS})
    samples = [_sample(point, payload, manifest.architecture) for point in points]
    return Run(manifest, samples_frame(samples, run_id=manifest.run_id, function=function))


def of_means(run: Run) -> bool:
    """Whether a run has means only, which no interval can be made of."""
    return run.manifest.kind == MEANS


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
