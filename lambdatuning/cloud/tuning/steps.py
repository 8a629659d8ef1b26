"""The steps of an adaptive run as they are taken, for somebody who watches."""

from collections.abc import Mapping, Sequence
from typing import Any

_SHOWN = 2


def describe_step(number: int, step: Mapping[str, Any]) -> str:
    """One line: what is measured next, how sure the answer is so far, what was spent.

    >>> describe_step(4, {"batch": [{"memory_mb": 256, "payload": "echo", "count": 6}],
    ...                   "answers": [{"within_5": 0.81}], "usd": 0.0001, "stopped": ""})
    'step 4: 256 MB x 6 of echo; sure 81 %; spent $0.0001'
    """
    doing = _batch(step["batch"]) if step["batch"] else f"stopped: {step['stopped']}"
    sure = min((answer["within_5"] for answer in step["answers"]), default=None)
    told = "" if sure is None else f"; sure {sure * 100:.0f} %"
    return f"step {number}: {doing}{told}; spent ${step['usd']:.4f}"


def _batch(items: Sequence[Mapping[str, Any]]) -> str:
    shown = [f"{i['memory_mb']} MB x {i['count']} of {i['payload']}" for i in items[:_SHOWN]]
    rest = len(items) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
