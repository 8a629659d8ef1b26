"""Which limiter this host allows, best first."""

from collections.abc import Callable, Mapping

from ...core.errors import UsageError, closest
from . import cgroup1, cgroup2, sigstop
from .interface import Limiter

LIMITERS: Mapping[str, Callable[[str], Limiter]] = {
    "cgroup2": cgroup2.Cgroup2Limiter,
    "cgroup1": cgroup1.Cgroup1Limiter,
    "sigstop": sigstop.SigstopLimiter,
}
_AVAILABLE: Mapping[str, Callable[[], bool]] = {
    "cgroup2": cgroup2.available,
    "cgroup1": cgroup1.available,
    "sigstop": sigstop.available,
}


def choose(name: str, ident: str) -> Limiter:
    """The limiter called `name`, or the best one for "auto"; its groups are named `ident`.

    Raises `UsageError` for an unknown name and for one that this host does not allow.
    """
    if name == "auto":
        name = next((known for known, works in _AVAILABLE.items() if works()), "")
        if not name:
            raise UsageError(
                "no way to limit CPU here: neither cgroups nor the CPU clocks of other processes; "
                "run the embedded AWS on Linux, or in a Linux container"
            )
    if name not in LIMITERS:
        raise UsageError(f'unknown limiter "{name}"; {closest(name, ["auto", *LIMITERS])}')
    if not _AVAILABLE[name]():
        raise UsageError(
            f"limiter {name} needs rights on its cgroups that this user has not; "
            "use --limiter auto or sigstop"
        )
    return LIMITERS[name](ident)
