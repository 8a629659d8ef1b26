"""What was measured, added up by payload type and size."""
