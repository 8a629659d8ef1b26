"""A tuning run as data: its input, payload types, plan, state, samples, manifest and price."""
