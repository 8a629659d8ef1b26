"""From samples to a decision. Nothing here talks to AWS, a disk or a clock.

The way of the data:

run, frames, logs/        stored parts, exported logs or published curves -> a run and its samples
summary, intervals        one row per payload type and size, with intervals
curves, model, predicted  what can be chosen from: by samples, by the model of an adaptive run, and
                          between the measured sizes
options, punctuality      what is asked, and which sizes keep a deadline
answer/                   the best size, how sure that is, what is gained; in words, JSON, Markdown
data                      all of this of one run, computed once
questions/                one module a question: its numbers, its words and its figure
compare/, history/        runs side by side, and in a row
verdict                   what a gate says of them, as one record
text/, plot/              what tables, statements and figures share
"""
