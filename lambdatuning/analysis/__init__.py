"""From samples to a decision: frames, statistics, recommendations, checks, figures.

The way of the data: stored parts -> `frames` -> `run` (samples and manifest) -> `summary`
(one row a payload type and size, with `intervals`) -> `recommend` (winners, how sure, what it
saves) -> `answer` (words), `figures` (pictures), `tables` (numbers made readable). `checks` says
what to mind. Nothing here talks to AWS, a disk or a clock.
"""
