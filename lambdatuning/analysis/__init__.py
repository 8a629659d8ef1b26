"""From samples to a decision. Nothing here talks to AWS, a disk or a clock.

The way of the data:

samples      frames of stored parts, log lines or published curves -> run (samples and manifest)
statistics   summary (one row a payload type and size, with intervals, for which cells lend each
             other spreads by moderation) -> curves, resampled -> predicted sizes
choice       the winner for each of goals, how sure, what it saves; decisions, pareto, bill;
             exploration, how an adaptive run found its answer
cold         what cold starts take, and when they change the decision
comparing    two or more runs side by side
checks       what to mind, with causes and next steps
telling      the answer in words, tables, formats of numbers
figures      pictures with alt text
"""
