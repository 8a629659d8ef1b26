"""JSON Schemas of what commands print with `--json`."""

from typing import Any

from ..core.decision import SCHEMA

_ANY_NUMBER = {"type": ["number", "null"]}
_SIZE = {"type": ["integer", "null"], "minimum": 128, "description": "MB"}
_SIZES = {"type": "array", "items": {"type": "integer", "minimum": 128}}
_TEXT = {"type": "string"}


def _record(fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An object in which every field is there; later versions may add others."""
    return {"type": "object", "properties": fields, "required": list(fields), **more}


_DECISION = _record(
    {
        "memory_mb": {**_SIZE, "description": "what to set; null where no size can win"},
        "strategy": _TEXT,
        "sure": {
            **_ANY_NUMBER,
            "minimum": 0,
            "maximum": 1,
            "description": "probability that no size is better by more than 5 %; null: not known",
        },
        "today_mb": _SIZE,
        "cost_ratio": {**_ANY_NUMBER, "description": "cost at memory_mb over cost at today_mb"},
        "speedup": {**_ANY_NUMBER, "description": "duration at today_mb over that at memory_mb"},
        "applied_mb": {**_SIZE, "description": "what was set; null where nothing was"},
    }
)

_CARD = _record({"label": _TEXT, "value": _TEXT, "note": _TEXT})

_ALTERNATIVE = _record(
    {"memory_mb": _SIZE, "cost_ratio": {"type": "number"}, "speedup": {"type": "number"}}
)

_HEADLINE = _record(
    {
        "function": _TEXT,
        "strategy": _TEXT,
        "memory_mb": _SIZE,
        "today_mb": _SIZE,
        "cost_ratio": _ANY_NUMBER,
        "change_usd": {
            **_ANY_NUMBER,
            "description": "what `invocations` cost at memory_mb, less what they cost today",
        },
        "invocations": {"type": "number", "exclusiveMinimum": 0},
        "monthly": {"type": "boolean", "description": "whether these are those of a month"},
        "speedup": _ANY_NUMBER,
        "p95_speedup": {**_ANY_NUMBER, "description": "null with fewer than 60 invocations"},
        "sure": _ANY_NUMBER,
        "reason": _TEXT,
        "alike_mb": {**_SIZES, "description": "cannot be told apart from memory_mb"},
        "more": {"type": "integer", "description": "invocations that would tell; 0: not known"},
        "alternative": {"oneOf": [_ALTERNATIVE, {"type": "null"}]},
        "seen": {"enum": ["warm", "cold", ""], "description": "how memory_mb was seen"},
        "sentence": _TEXT,
        "certainty": _TEXT,
        "firm": {"type": "boolean", "description": "whether `sentence` tells what to do"},
        "cards": {"type": "array", "items": _CARD, "minItems": 3, "maxItems": 3},
    }
)

_POINT = _record(
    {
        "memory_mb": {"type": "integer", "minimum": 128},
        "source": {"enum": ["samples", "model", "predicted"]},
        "mean_ms": {"type": "number"},
        "low_ms": _ANY_NUMBER,
        "high_ms": _ANY_NUMBER,
        "cost_usd": {"type": "number", "description": "of one invocation"},
        "low_usd": _ANY_NUMBER,
        "high_usd": _ANY_NUMBER,
        "warm": {"type": "integer", "minimum": 0},
        "cold": {"type": "integer", "minimum": 0},
        "sample_mean_ms": _ANY_NUMBER,
    }
)

_CURVE = _record(
    {
        "function": _TEXT,
        "payload": _TEXT,
        "failing_mb": _SIZES,
        "points": {"type": "array", "items": _POINT},
    }
)

_CHECK = _record({"severity": _TEXT, "name": _TEXT, "cause": _TEXT, "next_step": _TEXT})

_ANSWER = {
    "schema": {"const": SCHEMA},
    "decision": {"oneOf": [_DECISION, {"type": "null"}]},
    "headlines": {"type": "array", "items": _HEADLINE},
    "curves": {"type": "array", "items": _CURVE},
    "run_id": _TEXT,
    "answer": {**_TEXT, "description": "the same in words"},
    "checks": {"type": "array", "items": _CHECK},
}

_SPENT = {"type": ["object", "null"]}

TUNE = _record(
    {
        **_ANSWER,
        "function": _TEXT,
        "sizes": _SIZES,
        "sizes_beyond_cores": _SIZES,
        "recommendations": {"type": "array", "items": {"type": "object"}},
        "exploration": {
            "oneOf": [
                _record(
                    {"stopped": _TEXT, "reason": _TEXT, "spent": _SPENT, "grid": _SPENT},
                ),
                {"type": "null"},
            ],
            "description": "how an adaptive run ended; null of a grid",
        },
        "overhead": _ANY_NUMBER,
        "wall_ms": _ANY_NUMBER,
        "billed_ms_critical_path": _ANY_NUMBER,
        "invocations": {"type": ["integer", "null"]},
        "billed_gb_s": _ANY_NUMBER,
        "usd": _ANY_NUMBER,
        "stored_in": _TEXT,
    },
    title="the answer of a tuning run",
)

SHOW = _record(_ANSWER, title="the answer of a stored run")

SCHEMAS = {"tune": TUNE, "benchmark": TUNE, "show": SHOW}
"""By command. `show` of a visualization URL prints rows of curves instead."""
