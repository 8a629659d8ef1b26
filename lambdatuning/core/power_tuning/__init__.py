"""AWS Lambda Power Tuning's own rules and its visualization URL, to the last bit."""
