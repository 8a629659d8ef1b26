"""Made-up functions that no published trace resembles: where the prior is wrong, or noise rules."""

from collections.abc import Callable, Mapping

import numpy as np

from .exploration_functions import POWERS, Floats, Function

SIZES = np.array(POWERS, float)
SAMPLES = 200

Curve = Callable[[np.random.Generator], Floats]


def unlike(count: int = 4, seed: int = 0) -> tuple[Function, ...]:
    """`count` functions of every kind, reproducible from `seed`; kinds are their families."""
    functions: list[Function] = []
    for kind, (curve, spread) in KINDS.items():
        for k in range(count):
            rng = np.random.default_rng([seed, k, len(functions)])
            functions.append(_trace(f"unlike/{kind}-{k}", kind, curve(rng), spread, rng))
    return tuple(functions)


def _trace(
    name: str, kind: str, means_ms: Floats, spread: str, rng: np.random.Generator
) -> Function:
    noise = NOISES[spread]
    values = {int(m): np.sort(ms * noise(rng)) for m, ms in zip(SIZES, means_ms, strict=True)}
    return Function(name, "unlike", kind, values)


def _work(rng: np.random.Generator, low_ms: float, high_ms: float, floor: float) -> Floats:
    """CPU time that one thread can use, over a floor, from `low_ms` to `high_ms` at 1024 MB."""
    level = np.exp(rng.uniform(np.log(low_ms), np.log(high_ms)))
    shape = floor + (1 - floor) * 1024 / np.minimum(SIZES, 1769)
    return np.asarray(level * shape * np.exp(0.02 * rng.standard_normal(len(SIZES))))


def _jump(rng: np.random.Generator) -> Floats:
    at = rng.choice(SIZES[1:5])
    return _work(rng, 50, 2000, 0.1) * np.where(at > SIZES, rng.uniform(1.3, 3.0), 1.0)


def _falls(rng: np.random.Generator) -> Floats:
    threads = 1024 / SIZES / (1024 / 1769)
    return np.asarray(_work(rng, 100, 3000, 0.05) * np.where(SIZES > 1769, threads, 1.0))


def _steps(rng: np.random.Generator) -> Floats:
    return _work(rng, 100, 3000, 0.3) * np.where(SIZES > 1769, rng.uniform(0.5, 0.7), 1.0)


def _rises(rng: np.random.Generator) -> Floats:
    slope = rng.uniform(0.1, 0.5)
    return np.asarray(_work(rng, 20, 500, 0.9) * (SIZES / 128) ** slope)


def _paging(rng: np.random.Generator) -> Floats:
    return np.asarray(_work(rng, 100, 2000, 0.2) * (1 + 8 * (160 / SIZES) ** 3))


def _rugged(rng: np.random.Generator) -> Floats:
    return np.asarray(_work(rng, 50, 2000, 0.3) * np.exp(0.12 * rng.standard_normal(len(SIZES))))


def _calm(rng: np.random.Generator) -> Floats:
    return np.asarray(np.exp(0.015 * rng.standard_normal(SAMPLES)))


def _tails(rng: np.random.Generator) -> Floats:
    late = rng.random(SAMPLES) < 0.06
    return np.asarray(
        np.exp(0.12 * rng.standard_normal(SAMPLES)) * np.where(late, rng.uniform(2, 8, SAMPLES), 1)
    )


def _modes(rng: np.random.Generator) -> Floats:
    other = rng.random(SAMPLES) < rng.uniform(0.2, 0.5)
    return np.asarray(np.where(other, 1.6, 1.0) * np.exp(0.03 * rng.standard_normal(SAMPLES)))


NOISES: Mapping[str, Callable[[np.random.Generator], Floats]] = {
    "calm": _calm,
    "tails": _tails,
    "modes": _modes,
}

KINDS: Mapping[str, tuple[Curve, str]] = {
    "cpu": (lambda rng: _work(rng, 100, 3000, 0.0), "calm"),
    "flat": (lambda rng: _work(rng, 50, 1000, 1.0), "calm"),
    "io": (lambda rng: _work(rng, 50, 1000, 0.8), "tails"),
    "short": (lambda rng: _work(rng, 2, 20, 0.3), "tails"),
    "shortest": (lambda rng: _work(rng, 1, 4, 0.8), "tails"),
    "short-cpu": (lambda rng: _work(rng, 3, 30, 0.02), "tails"),
    "modes": (lambda rng: _work(rng, 20, 1000, 0.2), "modes"),
    "short-modes": (lambda rng: _work(rng, 3, 20, 0.2), "modes"),
    "jump": (_jump, "calm"),
    "falls": (_falls, "calm"),
    "steps": (_steps, "calm"),
    "rises": (_rises, "calm"),
    "paging": (_paging, "calm"),
    "rugged": (_rugged, "calm"),
    "rugged-tails": (_rugged, "tails"),
}
