"""What differs between two runs beside what was measured: whatever else could explain a change."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..checks.check import Check
from ..samples.published import of_means
from ..samples.run import Run
from ..telling.format import join_mb

_FACTS = (
    ("code_sha256", "code", "this is what a comparison before and after a change is for"),
    ("architecture", "architecture", "this is what a comparison of architectures is for"),
    ("runtime", "runtime", "a part of the change may be the runtime's"),
    ("region", "region", "hosts and prices differ by region; compare inside one"),
    ("num", "invocations a size", "the one with fewer decides the width of the intervals"),
)


def differing(before: Run, after: Run) -> Iterator[Check]:
    """A finding for each fact that is known of both runs and not the same."""
    yield from _endpoints(before, after)
    yield from _prices(before, after)
    for key, name, advice in _FACTS:
        old, new = before.manifest.get(key), after.manifest.get(key)
        if old and new and old != new:
            yield Check("note", f"different {name}", f"{_short(old)}, then {_short(new)}", advice)
    if before.sizes != after.sizes:
        yield Check(
            "note",
            "different sizes",
            f"{join_mb(before.sizes)}, then {join_mb(after.sizes)}",
            "only sizes of both are compared",
        )
    if before.embedded and after.embedded:
        yield Check(
            "note",
            "other times",
            "on one machine at two times; what else ran on it is a part of any difference",
            "where a small difference matters, measure in turn: before, after, before, after",
        )
    if of_means(before) or of_means(after):
        yield Check(
            "warning",
            "means only",
            "a published curve has no samples",
            "whether a difference is chance cannot be said; measure both to know",
        )


def _endpoints(before: Run, after: Run) -> Iterator[Check]:
    old, new = (_endpoint(run.manifest) for run in (before, after))
    if old and new and old != new:
        yield Check(
            "error" if "embedded" in old + new and old.split()[0] != new.split()[0] else "warning",
            "different machines",
            f"{old}, then {new}",
            "durations of different machines cannot be compared; measure both in one place",
        )


def _endpoint(manifest: Mapping[str, Any]) -> str:
    about = manifest.get("endpoint") or {}
    keys = ("kind", "limiter", "cores", "settle", "python")
    return " ".join(str(about[key]) for key in keys if about.get(key))


def _prices(before: Run, after: Run) -> Iterator[Check]:
    old, new = (
        str(run.manifest.get("price_book", {}).get("version", "")) for run in (before, after)
    )
    if old and new and old != new:
        yield Check(
            "warning",
            "different price books",
            f"{old}, then {new}",
            "a part of the change of cost is the prices'; durations tell the rest",
        )


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) > 20 else text
