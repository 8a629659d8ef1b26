"""A recommendation in words: one sentence that a person can act on."""

import math

from ..choice.recommendation import Recommendation
from ..statistics.curves import MIX
from .format import (
    format_change,
    format_mb,
    format_ms,
    format_share,
    format_times,
    format_usd,
    join_mb,
)

SUPERLATIVES = {
    "cost": "cheapest",
    "speed": "fastest",
    "balanced": "best balanced",
    "knee": "best-value",
    "deadline": "cheapest in time",
    "budget": "fastest in budget",
}


def sentence(advice: Recommendation) -> str:
    """What to set, what it brings against today's size, and how sure that is."""
    if advice.memory_mb is None:
        why = f"{advice.reason}{held_back(advice)}"
        return f"{subject(advice.payload)}: no size can be recommended, since {why}."
    superlative = SUPERLATIVES[advice.strategy]
    if advice.memory_mb == advice.current_mb:
        verdict = f"stay at {format_mb(advice.memory_mb)}, the {superlative} size"
    else:
        verdict = f"{format_mb(advice.memory_mb)} is {superlative}"
    price = f"{format_usd(advice.cost_per_million_usd)} per million"
    figures = f"{format_ms(advice.mean_ms)}, {price}{_beside(against_today(advice))}"
    return f"{subject(advice.payload)}: {verdict} ({figures}); {certainty(advice)}."


def subject(payload: str) -> str:
    """The payload type as the subject of a sentence."""
    return "All payload types together" if payload == MIX else payload


def certainty(advice: Recommendation) -> str:
    """How sure the recommendation is, what it cannot be told apart from, what was held back."""
    if advice.reason:
        sure = f"how sure cannot be said ({advice.reason})"
    else:
        sure = f"{format_share(advice.probability_best)} sure"
    alike = f", {join_mb(advice.alike_mb)} cannot be told apart" if advice.alike_mb else ""
    return sure + alike + ("" if advice.beyond_cores else held_back(advice))


def held_back(advice: Recommendation) -> str:
    """The sizes that might do better on AWS than on the few cores that measured them; or ""."""
    if not advice.held_back_mb:
        return ""
    return f"; on AWS, {join_mb(advice.held_back_mb)} might be better: this host has fewer cores"


def against_today(advice: Recommendation) -> str:
    """The difference from today's size: cost, then speed; "" where there is none to tell."""
    today = advice.current_mb
    if today is None or advice.memory_mb in {None, today}:
        return ""
    if today in advice.failing_mb:
        return f"{format_mb(today)} today fails"
    if math.isnan(advice.saving):
        return ""
    cost = format_change(-advice.saving, "cheaper", "dearer")
    speed = f"{format_times(advice.speedup)} faster"
    if advice.speedup < 1:
        speed = f"{format_times(1 / advice.speedup)} slower"
    return (
        f"{'the same cost' if cost == 'the same' else cost}, {speed} than {format_mb(today)} today"
    )


def _beside(text: str) -> str:
    return f"; {text}" if text else ""
