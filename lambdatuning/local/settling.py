"""What the duration of an invocation is, given how long it really took and what CPU it used."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settled:
    """Times of one invocation, in seconds: its duration, what of that it was held back, and by how
    much other load on the host may have lengthened it.
    """

    duration_s: float
    held_s: float
    stolen_s: float


def settle(
    took_s: float, cpu_s: float, waited_s: float, share: float | None, limit_s: float
) -> Settled:
    """The duration, at most `limit_s`: `took_s`, or CPU used / `share` where that is longer.

    A kernel hands out CPU by the period, so that a handler shorter than its first period runs free;
    the hold makes up for it. `share` None leaves that burst in, as AWS does. `waited_s`, for which
    threads were ready but not running, counts as stolen as far as it ends after CPU used / share.

    >>> settle(0.010, 0.010, 0.0, 0.25, 3.0)
    Settled(duration_s=0.04, held_s=0.03, stolen_s=0.0)
    """
    due_s = cpu_s / share if share else 0.0
    duration_s = min(max(took_s, due_s), limit_s)
    return Settled(
        duration_s=duration_s,
        held_s=max(0.0, duration_s - took_s),
        stolen_s=min(max(0.0, waited_s), max(0.0, took_s - due_s)),
    )


def passed_s(began: float, arrived: float, answered: float, polled: float) -> float:
    """Seconds from `began` until the runtime `polled` for its next invocation, less its waiting.

    Its response `arrived` and was `answered` meanwhile, and between the two it could only wait for
    the Runtime API. AWS's has cores of its own; ours shares them with the callers, and what that
    takes is no work of the function's. All are moments of one clock, in seconds.

    >>> passed_s(began=1.0, arrived=1.5, answered=2.0, polled=2.25)
    0.75
    """
    return max(0.0, arrived - began) + max(0.0, polled - answered)
