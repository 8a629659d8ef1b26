"""Measuring one batch: chains of invocations, their samples, their environments, the results.

measure, invoke    the step: chains of invocations side by side; one invocation
samples, traces    samples as they are stored; what a version's logs tell of its requests
results            what was measured, added up by payload type and size
"""
