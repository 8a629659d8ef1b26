"""A run: its manifest and every sample of it; several runs as one; published curves as runs."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd
from pandas import DataFrame

from ..core.decision import Decision
from ..core.errors import RunFailedError, UsageError, closest
from ..core.format import (
    DOLLARS,
    Money,
    card,
    format_count,
    format_mb,
    join_mb,
    money_of,
    short_name,
)
from ..core.sizes import Host
from ..core.strategies import DEFAULT_WEIGHT, KIT_STRATEGY, REGISTRY, WORTH, CurvePoint, Worth
from ..core.tuning.endpoint import Endpoint
from ..core.tuning.explored import Explored, ModelAnswer
from ..core.tuning.manifest import MEANS, Manifest, ManifestPayload
from ..core.tuning.records import Sample
from ..core.validation import names, number, whole_number
from . import intervals
from .frames import COLUMNS, good, read_parts, samples_frame, warm


@dataclass(frozen=True, eq=False)
class Run:
    """One stored run. `samples` has the columns of `frames.COLUMNS`, one row an invocation.

    `run["digest"]` is the run with that payload type only, `run.at(512)` the samples of a size.
    `whole` is the run that some payload types were selected of: what is known of how hosts and
    calls differ is known from all of them.
    """

    manifest: Manifest
    samples: DataFrame
    whole: "Run | None" = None

    @property
    def run_id(self) -> str:
        """Sortable id, UTC time first; "" for samples without a manifest."""
        return self.manifest.run_id

    @property
    def function(self) -> str:
        """Name of the function that was tuned."""
        return self.manifest.function or str(next(iter(self.samples["function"]), ""))

    @cached_property
    def functions(self) -> list[tuple[str, str]]:
        """Each function with an architecture of which there are samples, in order."""
        columns = [self.samples[name] for name in ("function", "architecture")]
        names = [column.unique() for column in columns]
        if all(len(some) == 1 for some in names):
            return [(str(names[0][0]), str(names[1][0]))]
        return sorted({(str(one), str(two)) for one, two in zip(*columns, strict=True)})

    @property
    def endpoint(self) -> Endpoint:
        """Where it ran."""
        return self.manifest.endpoint

    @property
    def embedded(self) -> bool:
        """Whether it ran on the embedded AWS: its absolute speed is this machine's, not AWS's."""
        return self.endpoint.embedded

    @property
    def host(self) -> Host | None:
        """The machine whose cores bound what could be told apart (of several the smallest); None
        on AWS."""
        hosts = [manifest.endpoint.host for manifest in parts(self)]
        return min((host for host in hosts if host), default=None)

    @property
    def currency(self) -> str:
        """What all its costs are in: "USD", of China's regions "CNY"."""
        return self.manifest.currency or "USD"

    @property
    def beyond_mb(self) -> tuple[int, ...]:
        """Sizes of the run with more vCPUs than its host has cores; see `core.sizes.Host`."""
        sizes = {*self.sizes, *self.planned_mb}
        return self.host.beyond(sizes) if self.host else ()

    @property
    def adaptive(self) -> bool:
        """Whether each step was chosen by what was measured before it."""
        return self.exploration is not None

    @property
    def exploration(self) -> Explored | None:
        """The steps of an adaptive run and its model's answers; None for a grid."""
        return self.manifest.exploration

    @property
    def decision(self) -> Decision | None:
        """What the run decided to set; None where it was not stored."""
        return self.manifest.decision

    @property
    def strategy(self) -> str:
        """What the run was asked for: the kit's own strategy where it does not say."""
        return self.manifest.strategy or KIT_STRATEGY

    @property
    def weight(self) -> float:
        """How much cost counted in a balance."""
        weight = self.manifest.weight
        return DEFAULT_WEIGHT if weight is None else weight

    @property
    def worth(self) -> Worth:
        """What speed was worth to strategy "value"."""
        worth, tolerance = self.manifest.speed_worth, self.manifest.cost_tolerance
        return Worth(
            WORTH.speed_worth if worth is None else worth,
            WORTH.cost_tolerance if tolerance is None else tolerance,
        )

    @property
    def current_memory_mb(self) -> int | None:
        """Memory size of the function when the run started, if it is known."""
        return self.manifest.current_memory_mb

    @property
    def planned_mb(self) -> tuple[int, ...]:
        """Sizes that were asked for; an adaptive run need not measure all of them."""
        return self.manifest.sizes

    @property
    def planned_payloads(self) -> dict[str, float]:
        """Payload types that were asked for, with their weights in the mix."""
        return {payload.name: payload.weight for payload in self.manifest.payloads}

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each measured payload type in the mix; 1 where the manifest names none."""
        return {name: self.planned_payloads.get(name, 1.0) for name in self.payloads}

    @property
    def payloads(self) -> tuple[str, ...]:
        """Measured payload types: in the manifest's order, then what it does not name."""
        measured = set(self.samples["payload"].unique())
        stated = list(self.planned_payloads)
        return (*(n for n in stated if n in measured), *sorted(measured - set(stated)))

    @property
    def model_answers(self) -> Mapping[str | None, ModelAnswer]:
        """What the model of an adaptive run answers for each payload type, and for the mix (None);
        none of a grid."""
        return self.exploration.by_payload if self.exploration else {}

    @property
    def is_whole(self) -> bool:
        """Whether all payload types of the run are in it: its own answer is about all of them."""
        return set(self.planned_payloads) <= set(self.payloads)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Measured memory sizes, ascending."""
        return tuple(sorted(int(size) for size in self.samples["memory_mb"].unique()))

    @cached_property
    def cold_only(self) -> bool:
        """Whether every successful invocation was a cold start: these answer then."""
        return warm(self.samples).empty and not good(self.samples).empty

    @cached_property
    def measured(self) -> DataFrame:
        """The samples that statistics are made of: warm and successful ones.

        Where there is none, the successful cold starts, with init in their durations.
        """
        if not self.cold_only:
            return warm(self.samples)
        cold = good(self.samples)
        waited = cold["duration_ms"] + cold["init_ms"].fillna(0) + cold["restore_ms"].fillna(0)
        return cold.assign(duration_ms=waited)

    @cached_property
    def cells(self) -> Mapping[intervals.Key, intervals.Cell]:
        """Durations and costs by payload type and size, and how their means err."""
        if self.whole is None or self.whole.cold_only != self.cold_only:
            return intervals.cells(self.measured)
        payloads, functions = set(self.payloads), set(self.functions)
        return {
            key: cell
            for key, cell in self.whole.cells.items()
            if key[2] in payloads and key[:2] in functions
        }

    def select(self, payloads: str | Sequence[str]) -> "Run":
        """The run with these payload types only; "" or an empty list are all of them.

        `payloads` is a list of names or one string with commas.

        Raises:
            UsageError: the run has no such payload type.
        """
        listed = names("payload_types", payloads)
        separate = listed.split(",") if isinstance(listed, str) else listed
        chosen = [name.strip() for name in separate if name.strip()]
        for name in chosen:
            if name not in self.payloads:
                raise UsageError(
                    f'no payload type "{name}" in run {self.run_id}; {closest(name, self.payloads)}'
                )
        if not chosen or set(chosen) == set(self.payloads):
            return self
        own = self.samples[self.samples["payload"].isin(chosen)]
        return Run(self.manifest, own, self.whole or self)

    def at(self, memory_mb: int) -> DataFrame:
        """The samples of one size; UsageError where it was not measured."""
        size = whole_number("memory_mb", memory_mb)
        if size not in self.sizes:
            raise UsageError(f"{format_mb(size)} was not measured; there are {join_mb(self.sizes)}")
        return self.samples[self.samples["memory_mb"] == size]

    def __getitem__(self, payload: str) -> "Run":
        """The run with one payload type; UsageError for one that was not measured."""
        return self.select([payload_name(payload)])

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.payloads)

    def __repr__(self) -> str:
        samples = format_count(len(self.samples), "sample")
        types = format_count(len(self.payloads), "payload type")
        sizes = format_count(len(self.sizes), "size")
        name = f"{self.run_id or 'unnamed'}: {self.function}"
        return f"Run({name}, {samples}, {types} x {sizes})"

    def _repr_html_(self) -> str:
        return card(short_name(self.function), [*self.facts(), ("answer", self._answer())])

    def facts(self) -> list[tuple[str, str]]:
        """When, where and for how much what was measured."""
        usd = self.manifest.usd
        sizes = f"{format_count(len(self.payloads), 'payload type')} at {join_mb(self.sizes)}"
        return [
            ("run", self.run_id),
            ("started", self.manifest.started_at[:16].replace("T", " ")),
            ("on", "embedded AWS" if self.embedded else self.manifest.region),
            ("measured", f"{sizes}, {format_count(len(self.samples), 'invocation')}"),
            ("price", "" if usd is None else money_of(self.currency)(usd)),
        ]

    def _answer(self) -> str:
        size = self.manifest.answer_mb
        if not size:
            return "lt.Study(run).answer"
        superlative = REGISTRY[self.strategy].superlative if self.strategy in REGISTRY else ""
        return f"{format_mb(float(size))} ({superlative}); lt.Study(run).answer says more"


def to_run(manifest: Manifest, parts: Iterable[bytes]) -> Run:
    """A run from its stored manifest and the bytes of its parts (see `frames.read_parts`).

    Raises:
        RunFailedError: a part is damaged, missing or there twice.
    """
    samples = read_parts(parts, run_id=manifest.run_id, function=manifest.function)
    allowed = samples["error"].isin(manifest.allowed_errors)
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


def payload_name(value: object) -> str:
    """A key of a run or a study; UsageError for what is no name."""
    if isinstance(value, str):
        return value
    raise UsageError(
        f"a payload type is named by its name, not by {value!r}; `select` takes several"
    )


def as_run(source: Run | DataFrame) -> Run:
    """The run itself, or bare samples as a run without a manifest."""
    if isinstance(source, Run):
        return source
    if not isinstance(source, DataFrame):
        raise UsageError(f"run must be a run, as load returns it, or its samples; not {source!r}")
    if lacking := [name for name in COLUMNS if name not in source]:
        raise UsageError(f"run: these samples have no column {lacking[0]!r}; take run.samples")
    return Run(Manifest(), source)


# Which rows of a frame are of sizes that the host of their run could not tell apart.


BEYOND = "beyond_cores"
"""Column that is True where a size has more vCPUs than the host that measured it has cores."""


def hosts(run: Run) -> Mapping[tuple[str, str], Host]:
    """The host of each function and architecture of a run; none for those measured on AWS."""
    return {key: part.host for part in apart(run) for key in part.functions if part.host}


def marked(frame: DataFrame, run: Run) -> DataFrame:
    """The frame with a column `beyond_cores`, by its `memory_mb`.

    Rows are told apart by `function` and `architecture` where the frame has them.
    """
    keys = [name for name in ("function", "architecture") if name in frame]
    if not keys:
        largest = [_largest_mb([run.host])] * len(frame)
    else:
        machines = hosts(run)
        rows = frame[keys].astype(str).itertuples(index=False, name=None)
        largest = [
            _largest_mb([host for key, host in machines.items() if key[: len(row)] == row])
            for row in rows
        ]
    return frame.assign(**{BEYOND: frame["memory_mb"].astype(float) > largest})


def _largest_mb(hosts_of: Sequence[Host | None]) -> float:
    return min((host.largest_mb for host in hosts_of if host), default=math.inf)


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
    if len(run.functions) <= 1:
        return [run]
    return [_part_of(run, *name) for name in run.functions]


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
    return Run(_shared(manifests or [run.manifest]), own, run.whole)


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
        if all(getattr(manifest, name) == getattr(first, name) for manifest in manifests)
    }
    payloads = {payload.name: payload for manifest in manifests for payload in manifest.payloads}
    return replace(
        Manifest(**same),
        run_id=", ".join(manifest.run_id for manifest in manifests),
        endpoint=same["endpoint"] if "endpoint" in same else _endpoint(manifests),
        payloads=tuple(payloads.values()),
        usd=sum(manifest.usd or 0.0 for manifest in manifests),
        started_at=min(manifest.started_at for manifest in manifests),
        finished_at=max(manifest.finished_at for manifest in manifests),
        warnings=tuple(text for manifest in manifests for text in manifest.warnings),
        parts=tuple(manifests),
    )


def _endpoint(manifests: Sequence[Manifest]) -> Endpoint:
    """The embedded AWS if any of them was measured there: what it limits, it limits for all."""
    endpoints = [manifest.endpoint for manifest in manifests]
    return next((endpoint for endpoint in endpoints if endpoint.embedded), endpoints[0])


def _samples(runs: Sequence[Run]) -> DataFrame:
    """Samples under one another; environments of different runs never share a name."""
    frames = []
    for n, run in enumerate(runs):
        environment = run.samples["environment"].astype(str)
        # What is not known has no name to be told apart by.
        named = environment.map(lambda e, n=n: f"{n}/{e}" if e else "")
        frames.append(run.samples.assign(environment=named))
    whole = pd.concat(frames, ignore_index=True)
    kinds = ("run_id", "function", "architecture", "payload", "environment", "error")
    return whole.astype(dict.fromkeys(kinds, "category"))


# Names that tell runs apart, no longer than is needed.


def labels(runs: Sequence[Run]) -> tuple[str, str]:
    """ "before" and "after", with the function, architecture or region where these differ."""
    before, after = (", ".join(_differing(run, runs)) for run in runs)
    return (before or "before", after or "after") if before != after else ("before", "after")


def names_of(runs: Sequence[Run]) -> list[str]:
    """A name for the run of each function and architecture."""
    short = [short_name(run.function) for run in runs]
    if len(set(short)) == len(short):
        return short
    full = [run.function for run in runs]
    names = full if len(set(short)) < len(set(full)) else short
    marks = [str(run.samples["architecture"].iloc[0]) for run in runs]
    return [
        f"{name} ({mark})" if names.count(name) > 1 else name
        for name, mark in zip(names, marks, strict=True)
    ]


def _differing(run: Run, runs: Sequence[Run]) -> list[str]:
    words = []
    names = {short_name(other.function) for other in runs}
    full = {other.function for other in runs}
    if len(full) > 1:
        words.append(short_name(run.function) if len(names) == len(full) else run.function)
    for key in ("architecture", "region"):
        values = [str(getattr(other.manifest, key)) for other in runs]
        if len(set(values)) > 1 and all(values):
            words.append(str(getattr(run.manifest, key)))
    return words


# Curves of others as runs: means by memory size, without the samples behind them.


PUBLISHED = "published curve"


def means_run(points: Iterable[CurvePoint], about: Manifest, payload: str = PUBLISHED) -> Run:
    """A run in which each mean stands as one sample on no known environment; `about` says what else
    is known of it, its function at least."""
    manifest = replace(
        about,
        run_id=about.run_id or about.function,
        kind=MEANS,
        payloads=(ManifestPayload(payload),),
    )
    samples = [_sample(point, payload, manifest.architecture) for point in points]
    return Run(manifest, samples_frame(samples, run_id=manifest.run_id, function=about.function))


def in_one_currency(runs: Sequence[Run], per_usd: Mapping[str, float]) -> list[Run]:
    """The runs as they are, where their costs are in one currency; else all in dollars.

    `per_usd` says what a dollar costs in other currencies: {"CNY": 7.1}. UsageError without the
    rate of one, or for a rate that is not positive.
    """
    if not isinstance(per_usd, Mapping):
        raise UsageError(
            f'rates must be amounts by currency, as in {{"CNY": 7.1}}; not {per_usd!r}'
        )
    for currency, rate in per_usd.items():
        number(f"rate {currency}", rate)
        if not rate > 0:
            raise UsageError(f"rate {currency}={rate:g}: a dollar costs more than 0")
    currencies = {run.currency for run in runs}
    if len(currencies) <= 1 and not currencies & per_usd.keys():
        return list(runs)
    missing = sorted(currencies - {"USD"} - per_usd.keys())
    if missing:
        raise UsageError(
            f"costs are in {' and '.join(sorted(currencies))}: say what a dollar costs, with "
            f"--rate {missing[0]}=AMOUNT or rates={{'{missing[0]}': amount}}"
        )
    return [_in_dollars(run, per_usd) for run in runs]


def _in_dollars(run: Run, per_usd: Mapping[str, float]) -> Run:
    if run.currency == "USD":
        return run
    rate = per_usd[run.currency]
    samples = run.samples.assign(cost_usd=run.samples["cost_usd"] / rate)
    usd = None if run.manifest.usd is None else run.manifest.usd / rate
    return Run(replace(run.manifest, currency="", usd=usd), samples)


def written_in(run: Run, money: Money) -> Money:
    """How the costs of a run are written: as asked for, or in their own currency where nothing is.

    `Money` converts dollars. UsageError where costs that are not in dollars were taken for such.
    """
    if run.currency == "USD":
        return money
    own = money_of(run.currency)
    if money not in (DOLLARS, own):
        raise UsageError(
            f"costs are in {run.currency}, not in dollars, which currency= and per_usd= are about: "
            f"say what a dollar costs, with rates={{'{run.currency}': amount}}"
        )
    return own


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
