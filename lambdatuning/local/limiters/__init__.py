"""Ways to hold a process and its children to a share of a CPU, and the choice among them.

interface                   what a limiter offers: a sandbox for each execution environment
cgroup2, cgroup1            by the kernel; cgroups (their files), delegation (where they may be)
sigstop, duty_controller    without privileges; the process that stops and continues
processes, cores            what processes use; the cores that there are
"""

import subprocess
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ...core.errors import UsageError, closest
from . import cgroup1, cgroup2, sigstop
from .cgroups import describe_error
from .interface import Limiter, NotMountedError, Sandbox, UnusableError

__all__ = ["LIMITERS", "Choice", "Limiter", "Sandbox", "choose"]

LIMITERS: Mapping[str, Callable[[str], Limiter]] = {
    "cgroup2": cgroup2.Cgroup2Limiter,
    "cgroup1": cgroup1.Cgroup1Limiter,
    "sigstop": sigstop.SigstopLimiter,
}
_WITHOUT_CGROUPS = "sigstop"
_TRIAL_MB = 128
_TRIAL_LIMIT_S = 20.0


class Choice(NamedTuple):
    """A limiter; and, where it has to do without cgroups, why it does."""

    limiter: Limiter
    why: str


def choose(name: str, ident: str) -> Choice:
    """The limiter called `name`, or the best one for "auto"; its groups are named `ident`.

    Raises `UsageError` for an unknown name and for one that cannot work here.
    """
    if name == "auto":
        return _best(ident)
    if name not in LIMITERS:
        raise UsageError(f'unknown limiter "{name}"; {closest(name, ["auto", *LIMITERS])}')
    try:
        return Choice(_tried(name, ident), "")
    except UnusableError as exc:
        raise UsageError(f"limiter {name} cannot work here: {exc}; use --limiter auto") from exc


def _best(ident: str) -> Choice:
    reasons: list[str] = []
    for name in LIMITERS:
        try:
            limiter = _tried(name, ident)
        except NotMountedError:
            continue
        except UnusableError as exc:
            reasons.append(str(exc))
        else:
            why = "; ".join(reasons) or "no cgroups are mounted here"
            return Choice(limiter, why if name == _WITHOUT_CGROUPS else "")
    raise UsageError(
        f"no way to limit CPU here ({'; '.join(reasons)}); "
        "run the embedded AWS on Linux, or in a Linux container"
    )


def _tried(name: str, ident: str) -> Limiter:
    limiter = LIMITERS[name](ident)
    try:
        _try(limiter, name)
    except UnusableError:
        limiter.close()
        raise
    return limiter


def _try(limiter: Limiter, name: str) -> None:
    """Have a process enter a sandbox: rights on files alone do not tell whether it may."""
    try:
        sandbox = limiter.sandbox("trial", _TRIAL_MB)
    except OSError as exc:
        raise UnusableError(f"{name}: {describe_error(exc)}") from exc
    try:
        if not _enters(sandbox):
            raise UnusableError(f"{name}: processes may not be moved into groups of ours")
    finally:
        sandbox.close()


def _enters(sandbox: Sandbox) -> bool:
    script = "".join(f'echo $$ > "{path}" || exit 1\n' for path in sandbox.entry_files())
    trial = ["/bin/sh", "-c", f"{script}exit 0"]
    try:
        subprocess.run(trial, capture_output=True, check=True, timeout=_TRIAL_LIMIT_S)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return False
    return True
