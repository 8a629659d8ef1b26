"""What is deployed: the DynamoDBManager handler, the tuner, a schedule; imports `core` alone.

entry                 the handlers of the deployed zip
dynamodb_manager/     the CRUD function that is benchmarked
tuner/                the steps of the state machine
nightly/              the steps of a deployed schedule
table_items           items of a table, written in batches
"""
