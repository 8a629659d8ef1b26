"""The deciding step: is it enough, or which batch comes next?"""

from typing import Any


def step(state: dict[str, Any]) -> dict[str, Any]:
    """The grid: every size is measured whole; what a batch left over is the next batch."""
    measured = state["measured"]
    failed = dict(state["failed"])
    for result in measured:
        if result["error"]:
            failed[str(result["batch"]["memoryMb"])] = result["error"]
    return {
        **{key: value for key, value in state.items() if key != "measured"},
        "batches": [result["batch"] for result in measured if result["left"]],
        "failed": failed,
        "criticalMs": state["criticalMs"] + max((r["criticalMs"] for r in measured), default=0),
    }
