"""Names that tell runs apart, no longer than is needed."""

from collections.abc import Sequence

from ..telling.format import short_name
from .run import Run


def labels(runs: Sequence[Run]) -> tuple[str, str]:
    """ "before" and "after", with the function, architecture or region where these differ."""
    told = [_told(run, runs) for run in runs]
    before, after = (", ".join(words) for words in told)
    return (before or "before", after or "after") if before != after else ("before", "after")


def _told(run: Run, runs: Sequence[Run]) -> list[str]:
    words = []
    names = {short_name(each.function) for each in runs}
    full = {each.function for each in runs}
    if len(full) > 1:
        words.append(short_name(run.function) if len(names) == len(full) else run.function)
    for key in ("architecture", "region"):
        values = [str(each.manifest.get(key) or "") for each in runs]
        if len(set(values)) > 1 and all(values):
            words.append(str(run.manifest[key]))
    return words
