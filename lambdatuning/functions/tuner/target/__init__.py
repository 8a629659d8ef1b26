"""The function under test: its configuration, versions, snapshots, and the lock on it."""
