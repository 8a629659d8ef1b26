"""Runs side by side: changes with their intervals, and whatever else differs."""
