"""The rules: pure standard library, no I/O; they run inside Lambda and notebooks alike.

decision                   which memory size to set: the one answer of tuner, reports and commands
strategies, sizes          what "best" may mean; memory sizes and the vCPUs that they buy
pricing                    the price book, and what AWS bills by it
tuning/                    a tuning run as data: input, payload types, plan, samples, manifest
exploration/, statistics/  what an adaptive run measures next; how far means can be trusted
power_tuning/              AWS Lambda Power Tuning's own rules, output and visualization URL
log_report                 Lambda's report of an invocation, read from any log format
arn, address, wire         functions, places and records as they are spelled at the border
validation, errors         values as users write them; what is said of those that cannot be
format, finding, progress  numbers for people; what may mislead; how far a long piece of work is
slow_imports               what our programs do not import, since it takes long
"""
