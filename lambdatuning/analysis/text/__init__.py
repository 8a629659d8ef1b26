"""Answers for people: formats of numbers, tables, statements."""
