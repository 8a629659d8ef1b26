"""Figures in one house style; each is a chart that carries its alternative text."""
