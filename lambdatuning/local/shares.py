"""How much CPU a memory size buys, and how much of it this host can give.

Which sizes it cannot tell apart for that reason is a rule of `core.host`.
"""

from ..core.sizes import vcpus


def share_for(memory_mb: int) -> float:
    """vCPUs that AWS gives to `memory_mb`, linear: 128 MB -> 0.0724, 1769 MB -> 1.0.

    >>> share_for(1769)
    1.0
    """
    return vcpus(memory_mb)


def enforced_share(memory_mb: int, cores: int) -> float:
    """The share that a host with `cores` can really give, in vCPUs."""
    return min(share_for(memory_mb), float(cores))
