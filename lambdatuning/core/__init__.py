"""The rules: pure standard library, no I/O; they run inside Lambda and notebooks alike."""
