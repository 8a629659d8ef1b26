"""The deciding of an adaptive run: looks, rounds, steps."""
