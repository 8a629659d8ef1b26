"""Mapping templates of API Gateway: mapping ($input and the rest), velocity, java_values."""
