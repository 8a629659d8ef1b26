"""Measuring one batch: chains of invocations, their samples, their environments, the results."""
