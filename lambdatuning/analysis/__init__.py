"""From samples to a decision: frames, statistics, recommendations, checks, figures.

The way of the data: stored parts (`frames`) or log lines (`log_reports`) -> `run` (samples and
manifest) -> `summary` (one row a payload type and size, with the intervals of `limits`, for which
cells lend each other spreads in `moderation`) -> `curves` (resampled by `intervals`) ->
`recommend` (the winner for each of `goals`, how sure, what it saves), `decisions`, `pareto`,
`bill`, `predicted` -> `answer` (words), `figures` (pictures), `tables` (numbers made readable).
`checks` says what to mind. Nothing here talks to AWS, a disk or a clock.
"""
