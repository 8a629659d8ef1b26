"""Answers for people: tables with their columns, marks of sizes and statements."""
