"""Outputs for machines."""
