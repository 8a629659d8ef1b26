"""One execution environment: its process, what it sees of the host, and its Runtime API."""
