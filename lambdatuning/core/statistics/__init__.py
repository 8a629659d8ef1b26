"""Means, quantiles and their intervals, from few and uneven execution environments."""
