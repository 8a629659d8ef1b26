"""Findings about runs that were pooled into one: whatever else than chance may differ in them."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..samples.run import Run
from ..samples.several import parts
from ..telling.format import join
from .check import Check


def mixed_runs(run: Run) -> Iterator[Check]:
    """Pooled runs of one function that had other code, prices, or machines."""
    by_function: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for manifest in parts(run):
        key = (str(manifest.get("function", "")), str(manifest.get("architecture", "")))
        by_function.setdefault(key, []).append(manifest)
    for (function, _), manifests in by_function.items():
        for name, severity, facts, advice in _kinds(manifests):
            known = list(dict.fromkeys(fact for fact in facts if fact))
            if len(known) > 1:
                told = join(f"{fact[:12]}…" if len(fact) > 24 else fact for fact in known)
                yield Check(severity, name, f"runs of {function} with {told} are pooled", advice)


def _kinds(
    manifests: list[Mapping[str, Any]],
) -> Iterator[tuple[str, str, list[str], str]]:
    code = [str(each.get("code_sha256") or "") for each in manifests]
    advice = "look at one of them, or compare them in notebook 05"
    yield "different code in one summary", "warning", code, advice
    books = [str((each.get("price_book") or {}).get("version", "")) for each in manifests]
    yield "different price books in one summary", "warning", books, "durations are not affected"
    ends = [(each.get("endpoint") or {}) for each in manifests]
    places = [" ".join(str(end[k]) for k in ("kind", "limiter") if end.get(k)) for end in ends]
    yield "different machines in one summary", "error", places, "do not use these means"
