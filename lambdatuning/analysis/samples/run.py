"""A run: what was asked for and how it went (the manifest), and every sample of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pandas import DataFrame

from ...core.errors import UsageError, closest
from ...core.host import Host, host_of
from .frames import read_parts

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
    """A run from its stored manifest and the bytes of its parts (see `frames.read_parts`)."""
    names = {"run_id": str(manifest["run_id"]), "function": str(manifest["function"])}
    return Run(manifest, read_parts(parts, **names))


def as_run(source: Run | DataFrame) -> Run:
    """The run itself, or bare samples as a run without a manifest."""
    return source if isinstance(source, Run) else Run({}, source)


def _part(manifest: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = manifest.get(name)
    return found if isinstance(found, Mapping) else {}
