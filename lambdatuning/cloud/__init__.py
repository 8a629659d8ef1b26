"""The boto3 edge: the only room that talks to AWS. Imports `core` and `functions`.

session          a login, a region, an endpoint: the `Cloud` that everything else is given
aws_errors       what an error of boto3 means, in one line
stack            template.yaml packaged, deployed, watched, removed
tuning           a tuning run: checked, priced, started, followed, cleaned up after
executions       what any tuner's state machine has done
run_store        runs in a folder or a bucket
doctor           what is missing, before anything is tried
seed, payload_files, price_list, host_facts    items, payload types, prices, stolen CPU time
"""
