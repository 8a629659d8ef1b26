"""Figures in one house style; each is a `Chart` that carries its alternative text."""
