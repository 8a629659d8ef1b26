"""Numbers and how sure they are: summaries, intervals, curves, sizes in between."""
