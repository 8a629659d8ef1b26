"""DynamoDBManager, the CRUD function that is benchmarked: its zip is this folder alone.

`app` answers the event, `operations` does the work, `wire` is the form in which DynamoDB takes it.
"""
