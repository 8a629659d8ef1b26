"""What an analysis reads: runs and their samples, from parts, log lines or published curves."""
