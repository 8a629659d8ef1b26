"""What a log stream shows: what a function printed, and what the platform writes."""
