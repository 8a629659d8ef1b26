"""From samples to a decision. Nothing here talks to AWS, a disk or a clock.

The way of the data:

frames, run, logs        stored parts, exported logs or published curves -> a run and its samples
summary, intervals,      one row per payload type and size, with intervals, for which cells lend
log_errors               each other spreads
curves, model, predicted what can be chosen from: by samples, by the model of an adaptive run,
                         and between the measured sizes
options, deadline,       what is asked, and the best size of a curve, how sure that is, what is as
recommendation           good, what is gained
data                     all of this of one run, computed once
questions/               one module a question: its numbers, its words and its figure
compare/                 two or more runs side by side
text/, plot/             what tables, statements and figures share
"""
