"""The public functions of notebooks and the command line: plain values in, frozen ones out.

stack                connect to the stack, deploy and remove it; an embedded AWS
tuning, consent      tune and benchmark; nothing is billed before its price was agreed to
runs                 stored runs, executions and published curves: listed and loaded
compare, history     runs side by side, and in a row
logs, executions     what others measured: exported logs, any tuner's executions
prices               the price book
"""
