"""What is deployed: the DynamoDBManager handler and the tuner; imports `core` alone."""
