"""The tuner: the steps of the state machine.

prepare (validate, lock, plan) -> publish (a version of each size) -> measure (batches of real
invocations, samples to the bucket) -> decide (enough? what next?) -> ... -> analyse -> apply ->
clean. Every error goes through clean and ends FAILED with its cause.

control, measuring   the two functions: steps routed by name, clients made once (clients)
target               the function under test: configuration, versions, the lock on it
batch                one batch: chains, invocations, their samples and environments
exploring            deciding in an adaptive run
results              what was measured, added up
storage              the bucket: plan, parts, results, manifest
"""
