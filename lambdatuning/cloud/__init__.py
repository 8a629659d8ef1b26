"""The boto3 edge: the only room that talks to AWS. Imports `core` and `functions`.

session                        a login, a region, an endpoint: the `Cloud` that all else is given
aws_errors                     what an error of boto3 means, in one line
stack/                         template.yaml packaged, deployed, watched, removed
tuning/                        a tuning run: checked, priced, started, followed, cleaned up after
executions                     what any tuner's state machine has done
run_store, run_index, parquet  runs in a folder or a bucket, their index, their samples as Parquet
doctor                         what is missing, before anything is tried
payloads, price_list           payload types and what must lie in a table for them; prices of AWS
"""
