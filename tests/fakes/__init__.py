"""Small stand-ins for AWS that tests drive the real rules with."""
