"""What one host can tell apart: sizes that ask for more vCPUs than it has cores all run alike."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .sizes import FULL_VCPU_MB, vcpus


@dataclass(frozen=True, order=True)
class Host:
    """The one machine on which the embedded AWS measures every size.

    AWS has a host for every size; there is no `Host` then.
    """

    cores: int

    @property
    def told(self) -> str:
        """The cores in words: "1 core", "2 cores"."""
        return f"{self.cores} core" + ("" if self.cores == 1 else "s")

    @property
    def largest_mb(self) -> int:
        """The largest size whose vCPUs the host has.

        >>> Host(2).largest_mb
        3538
        """
        return int(self.cores * FULL_VCPU_MB)

    def beyond(self, sizes_mb: Iterable[int]) -> tuple[int, ...]:
        """Those of the sizes that ask for more vCPUs than there are cores, ascending.

        Each is measured as if it were `largest_mb`, at its own price.

        >>> Host(2).beyond([10_240, 128, 3_538, 3_539])
        (3539, 10240)
        """
        return tuple(sorted(size for size in set(sizes_mb) if vcpus(size) > self.cores))


def host_of(endpoint: object) -> Host | None:
    """The host in what a manifest, or a session, says of an endpoint; None where it is AWS.

    >>> host_of({"kind": "embedded", "cores": 2}), host_of({"kind": "aws"})
    (Host(cores=2), None)
    """
    about = endpoint if isinstance(endpoint, Mapping) else {}
    cores = about.get("cores")
    if about.get("kind") != "embedded" or not isinstance(cores, int) or cores < 1:
        return None
    return Host(cores)


def beyond_cores(endpoint: object, sizes_mb: Iterable[int]) -> tuple[int, ...]:
    """The sizes, ascending, that were measured with fewer vCPUs than AWS gives them; () on AWS."""
    host = host_of(endpoint)
    return host.beyond(sizes_mb) if host else ()


def beyond_note(endpoint: object, sizes_mb: Iterable[int]) -> str:
    """A remark before such sizes are measured; "" where there are none."""
    host, beyond = host_of(endpoint), beyond_cores(endpoint, sizes_mb)
    if host is None or not beyond:
        return ""
    sizes = ", ".join(f"{size:,}" for size in beyond)
    return (
        f"{sizes} MB: more vCPUs than this host's {host.told}, so measured as {host.told}; "
        "only AWS can tell such sizes apart"
    )
