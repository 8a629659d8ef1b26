"""The tuner: the steps of the state machine.

prepare (validate, lock, plan) -> publish (a version of each size) -> measure (batches of real
invocations, samples to the bucket) -> decide (enough? what next?) -> ... -> analyse -> apply ->
clean. Every error goes through clean and ends FAILED with its cause.
"""
