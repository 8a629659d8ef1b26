"""Memory sizes: their limits, the vCPUs that they buy, and which one host can tell apart."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import UsageError
from .format import format_count

MIN_MB = 128
MAX_MB = 10_240
FULL_VCPU_MB = 1_769
"""The size that has exactly one vCPU; CPU time grows in proportion to memory."""

NEW_ACCOUNT_MAX_MB = 3_008
"""New accounts may be held to this until AWS lifts the quota."""

DEFAULT_POWERS = (128, 256, 512, 1024, 1536, 3008)
"""What AWS Lambda Power Tuning measures when it is told nothing."""

ALL_POWERS = tuple(range(MIN_MB, NEW_ACCOUNT_MAX_MB + 1, 64))
"""What `"ALL"` stands for in its contract: 46 sizes up to 3008 MB, not to 10240."""


def parse_sizes(value: object) -> tuple[int, ...]:
    """The sizes in MB that a user means, in the order given.

    `value` is a list or tuple of integers or digit strings, a comma-separated string, or "ALL".
    UsageError for anything else, for a size outside 128..10240, for a duplicate and for none.

    >>> parse_sizes("128, 512")
    (128, 512)
    >>> parse_sizes([1024, "256"])
    (1024, 256)
    >>> len(parse_sizes("ALL"))
    46
    """
    if isinstance(value, str):
        if value.strip().upper() == "ALL":
            return ALL_POWERS
        value = [part for part in re.split(r"[,\s]+", value) if part]
    if not isinstance(value, list | tuple):
        raise UsageError(f'memory sizes must be a list such as 128,256,512 or "ALL"; not {value!r}')
    if not value:
        raise UsageError('no memory size given; write a list such as 128,256,512 or "ALL"')
    return _without_duplicates(parse_size(entry) for entry in value)


def parse_size(value: object) -> int:
    """One size in MB; UsageError unless it is a whole number from 128 to 10240."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,6}\s*", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not MIN_MB <= value <= MAX_MB:
        raise UsageError(
            f"memory size {value!r} is not a whole number of MB from {MIN_MB} to {MAX_MB}"
        )
    return value


def vcpus(memory_mb: int) -> float:
    """CPU time a size may use, in vCPUs: memory / 1769 MB.

    >>> vcpus(1769)
    1.0
    """
    return memory_mb / FULL_VCPU_MB


def _without_duplicates(sizes: Iterable[int]) -> tuple[int, ...]:
    unique: dict[int, None] = {}
    for size in sizes:
        if size in unique:
            raise UsageError(f"memory size {size} is given twice; name each size once")
        unique[size] = None
    return tuple(unique)


# What one host can tell apart: sizes that ask for more vCPUs than it has cores all run alike.


@dataclass(frozen=True, order=True)
class Host:
    """The one machine on which the embedded AWS measures every size.

    AWS has a host for every size; there is no `Host` then.
    """

    cores: int

    def __str__(self) -> str:
        """The cores in words: "1 core", "2 cores"."""
        return format_count(self.cores, "core")

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
