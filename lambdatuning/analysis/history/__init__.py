"""The runs of one function over time: what changed, since when, by how much, and why."""
