"""The tuner: the steps of the state machine.

prepare (validate, lock, plan) -> publish (a version of each size) -> measure (batches of real
invocations, samples to the bucket) -> decide (enough? what next?) -> ... -> analyse -> apply ->
clean. Every error goes through clean and ends FAILED with its cause.

control, measuring         the two functions: steps routed by name
prepare, publish, decide,  the steps beside measuring, a module each
analyse, apply, clean
function, tunable          the function under test: configuration, versions, what cannot be tuned
lock                       one run at a time on a function
batch/                     one batch: chains, invocations, their samples and environments, added up
storage                    the bucket: plan, parts, results, manifest
clients                    AWS clients, made once
"""
