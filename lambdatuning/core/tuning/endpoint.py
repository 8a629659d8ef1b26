"""What measured a run: AWS, or the embedded AWS on a machine that bounds what can be told apart."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..format import join_mb
from ..sizes import Host
from ..wire import read_record, write_record

AWS, EMBEDDED, UNKNOWN = "aws", "embedded", "unknown"
"""Kinds of endpoints: AWS, ours, and one that did not say what it is."""


@dataclass(frozen=True)
class Endpoint:
    """The endpoint of a run, as a session, a plan and a manifest say it.

    `kind` is "aws", "embedded", "unknown", or that of a run that nothing of ours measured. All
    else is known of the embedded AWS only: what limits CPU (`limiter`, and why not cgroups), the
    cores of its host and how many of them one run may keep busy (`measuring_cores`), how it settles
    changes ("strict" or "fast"), how functions are kept apart (`isolation`, and why not better) and
    its Python. `extra` has what else it said of itself, as it came.
    """

    kind: str = ""
    limiter: str = ""
    limiter_why: str = ""
    cores: int | None = None
    measuring_cores: float | None = None
    settle: str = ""
    isolation: str = ""
    isolation_why: str = ""
    python: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: object) -> "Endpoint":
        """The endpoint in a JSON object; one of no kind for anything else."""
        return read_record(cls, value) if isinstance(value, Mapping) else cls()

    def to_json(self) -> dict[str, object]:
        """The stored form; what is not known is left out."""
        plain = write_record(self)
        return {name: value for name, value in plain.items() if value not in (None, "")}

    @property
    def embedded(self) -> bool:
        """Whether it is the embedded AWS: its absolute speed is that of one machine, not AWS's."""
        return self.kind == EMBEDDED

    @property
    def host(self) -> Host | None:
        """The one machine that ran every size; None on AWS, which has one for each.

        >>> Endpoint("embedded", cores=2).host, Endpoint("aws").host
        (Host(cores=2), None)
        """
        if self.embedded and isinstance(self.cores, int) and self.cores > 0:
            return Host(self.cores)
        return None

    def words(self, *names: str) -> str:
        """The named fields that are known, one after the other.

        >>> Endpoint("embedded", limiter="cgroup2", cores=4).words("kind", "settle", "cores")
        'embedded 4 cores'
        """
        values = {name: getattr(self, name) for name in names}
        if self.cores and "cores" in values:
            values["cores"] = Host(self.cores)
        return " ".join(str(value) for value in values.values() if value)

    def beyond_cores(self, sizes_mb: Iterable[int]) -> tuple[int, ...]:
        """The sizes, ascending, that it measures with fewer vCPUs than AWS gives; () on AWS."""
        return self.host.beyond(sizes_mb) if self.host else ()

    def beyond_note(self, sizes_mb: Iterable[int]) -> str:
        """A remark before such sizes are measured; "" where there are none."""
        host, beyond = self.host, self.beyond_cores(sizes_mb)
        if host is None or not beyond:
            return ""
        return (
            f"{join_mb(beyond)}: more vCPUs than this host's {host}, so measured as {host}; "
            "only AWS can tell such sizes apart"
        )


NO_ENDPOINT = Endpoint()
"""That of a run of which nothing is known."""
