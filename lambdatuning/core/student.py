"""Student's t for any number of degrees of freedom, whole or not."""

import math
from functools import lru_cache
from statistics import NormalDist

_NORMAL_FROM = 1_000
_STEPS = 300
_TINY = 1e-30


@lru_cache(maxsize=4_096)
def student_t(p: float, degrees: float) -> float:
    """The quantile `p` (0.5..1) of Student's t; the normal distribution from 1,000 degrees on.

    Newton's method from the normal quantile, which lies below: the distribution function is concave
    there, so that no step goes too far.

    >>> round(student_t(0.975, 4), 3), round(student_t(0.975, 3.5), 3)
    (2.776, 2.94)
    """
    t = NormalDist().inv_cdf(p)
    for _ in range(_STEPS if degrees < _NORMAL_FROM else 0):
        step = (p - _cdf(t, degrees)) / _density(t, degrees)
        t += step
        if abs(step) <= 1e-12 * t:
            break
    return t


def _cdf(t: float, degrees: float) -> float:
    return 1 - incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t)) / 2


def _density(t: float, degrees: float) -> float:
    log = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)
    log -= (degrees + 1) / 2 * math.log1p(t * t / degrees)
    return math.exp(log) / math.sqrt(degrees * math.pi)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b) for x from 0 to 1.

    Continued fraction of Abramowitz and Stegun 26.5.8, evaluated by Lentz's method.

    >>> round(incomplete_beta(2, 3, 0.4), 4)
    0.5248
    """
    if x <= 0 or x >= 1:
        return float(x > 0)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front += a * math.log(x) + b * math.log1p(-x)
    return math.exp(front) * _fraction(a, b, x) / a


def _fraction(a: float, b: float, x: float) -> float:
    value = c = 1.0
    d = 0.0
    for step in range(1, _STEPS):
        term = _term(a, b, x, step)
        c, d = _not_zero(1 + term / c), 1 / _not_zero(1 + term * d)
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return 1 / value


def _term(a: float, b: float, x: float, step: int) -> float:
    m, odd = divmod(step, 2)
    if odd:
        return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
