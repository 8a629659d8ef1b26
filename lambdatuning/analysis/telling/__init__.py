"""Answers for people: words, tables, formats of numbers."""
