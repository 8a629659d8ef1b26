"""The answer of a run as plain JSON values, the same for a grid and an adaptive run."""

from dataclasses import asdict
from typing import Any

from ...core.decision import SCHEMA
from ...core.wire import finite
from ..curves import Curve
from ..data import StudyData
from ..frames import good
from ..intervals import interval
from .headline import Headline, headlines
from .recommendation import decision_of


def answer_json(data: StudyData) -> dict[str, Any]:
    """`schema`, `decision`, `headlines` (one a function) and `curves`, the figures behind them.

    A curve has a row for each size: the mean duration and cost that decide (`source`: "samples",
    "model" of an adaptive run, or "predicted" where there is no sample), their 95 % intervals (None
    where they cannot be known), and what was measured there: `warm` and `cold` successes, and the
    plain mean of those that are measured (`sample_mean_ms`). Not a number is None.
    """
    return {
        "schema": SCHEMA,
        "decision": decision_of(data).figures(),
        "headlines": [_headline(head) for head in headlines(data)],
        "curves": [_curve(part, curve) for part in data.parts for curve in part.curves],
    }


def _headline(head: Headline) -> dict[str, object]:
    own = {name: value for name, value in asdict(head).items() if name != "money"}
    names = {
        **own,
        "sentence": head.sentence,
        "certainty": head.certainty,
        "firm": head.firm,
        "cards": [asdict(card) for card in head.cards],
    }
    return {name: _plain(value) for name, value in names.items()}


def _curve(data: StudyData, curve: Curve) -> dict[str, object]:
    model = bool(data.run.exploration and data.run.exploration.answers)
    succeeded = good(data.run.samples)
    if curve.payload in data.run.payloads:
        succeeded = succeeded[succeeded["payload"] == curve.payload]
    rows = []
    for n, size in enumerate(curve.sizes):
        own = succeeded[succeeded["memory_mb"] == size]
        measured = data.measured[data.measured["memory_mb"] == size]
        measured = measured[measured["payload"].isin(own["payload"].unique())]
        low_ms, high_ms = interval(curve.resampled_ms[:, n])
        low_usd, high_usd = interval(curve.resampled_usd[:, n])
        measured_by = "model" if model else "samples"
        rows.append(
            {
                "memory_mb": size,
                "source": "predicted" if size in curve.predicted_mb else measured_by,
                "mean_ms": float(curve.ms[n]),
                "low_ms": finite(low_ms),
                "high_ms": finite(high_ms),
                "cost_usd": float(curve.usd[n]),
                "low_usd": finite(low_usd),
                "high_usd": finite(high_usd),
                "warm": int((~own["cold"]).sum()),
                "cold": int(own["cold"].sum()),
                "sample_mean_ms": finite(float(measured["duration_ms"].mean())),
            }
        )
    return {
        "function": curve.function,
        "payload": curve.payload,
        "failing_mb": list(curve.failing_mb),
        "points": rows,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return finite(value)
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    return list(value) if isinstance(value, tuple) else value
