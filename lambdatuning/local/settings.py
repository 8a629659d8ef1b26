"""Fixed facts of the embedded AWS that its server and its clients share."""

ACCOUNT_ID = "111122223333"
"""An account id from AWS's documentation: never a real one, not all zeros."""

LOOPBACK = ("127.0.0.1", "localhost")
"""Addresses that this machine alone reaches."""

REGION = "us-east-1"
SETTLES = ("strict", "period")
ACCESS_KEY_ID = "AKIALOCALLAMBDATUNE"
SECRET_ACCESS_KEY = "local"  # noqa: S105 - there is nothing to protect on loopback
