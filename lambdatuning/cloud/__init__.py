"""The boto3 edge: the only room that talks to AWS. Imports `core` and `functions`."""
