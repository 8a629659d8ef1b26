"""Adaptive exploration: after every batch, what to measure next, or the answer.

The way: `question` (what is asked and seen) -> `failures` (sizes that cannot win) -> `evidence`
(of each size, by `size_evidence`: where its durations, in `groups`, have their `locations`, and how
far to trust that; `environments` told apart, `first_calls` weighed) -> `readings` (how much of it
may be noise) -> `posterior` (a mixture over curves: shapes of the `prior`, and `departures`) ->
`losses` (regret of each size under each curve) -> `looks`, `value` (what more would save, for its
price) -> `stopping`, `choice` (go on, or enough) -> `proposal` (the batch over all payload types).
Standard library only; equal input gives equal output; nothing is kept between decisions.
"""

from .prior import Prior, load_prior, parse_prior
from .proposal import propose
from .question import (
    STRATEGIES,
    Answer,
    Budget,
    Item,
    Objective,
    Observation,
    Prediction,
    Proposal,
    Terms,
    observe,
)

__all__ = [
    "STRATEGIES",
    "Answer",
    "Budget",
    "Item",
    "Objective",
    "Observation",
    "Prediction",
    "Prior",
    "Proposal",
    "Terms",
    "load_prior",
    "observe",
    "parse_prior",
    "propose",
]
