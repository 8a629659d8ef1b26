"""Infrastructure tools of others, run against the embedded AWS."""
