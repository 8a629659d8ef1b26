"""Adaptive exploration (being built)."""
