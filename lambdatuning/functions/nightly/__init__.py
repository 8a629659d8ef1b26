"""The function of a deployed schedule: what tonight's run is and costs, and what came of it."""
