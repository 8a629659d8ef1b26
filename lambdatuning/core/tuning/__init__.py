"""A tuning run as data: its input, payload types, plan, state, samples, manifest and price.

contract            what an execution is asked for, in Power Tuning's words and ours
payloads            payload types: read, checked, rendered, weighed
plan                what is invoked in which order
records             the sample, and the plan of a run as the bucket keeps it
state               what passes between the tuner's steps
manifest, explored  what is stored of a run, and of an adaptive one
endpoint            what measured it: AWS, or the embedded AWS on one machine
estimate            what a run will cost
nightly             the run of a deployed schedule
"""
