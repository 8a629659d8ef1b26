"""Cold starts: what they take and cost, and when they change the decision."""
