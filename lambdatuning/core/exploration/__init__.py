"""Adaptive exploration: after every batch, what to measure next, or the answer.

The way: `question` (what is asked and observed) -> `evidence` (what calls say of each size, and how
far that may be off; sizes that fail) and `modes` (what few slow calls say of all sizes) ->
`posterior` (possible curves: a mixture of the shapes of the `prior`) -> `assessment` (what each
curve would cost, the regret of each size, the answer) -> `acquisition` (what more calls would save,
for their price) -> `proposal` (the next batch, or the end).
Standard library only; equal input gives equal output; nothing is kept between decisions.
"""
