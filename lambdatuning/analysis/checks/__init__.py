"""What to mind before believing a run: findings, each with its cause and next step."""
