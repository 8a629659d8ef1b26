"""A tuning run as the client sees it: checked, priced, started, followed, cleaned up after."""
