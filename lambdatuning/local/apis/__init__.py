"""What AWS's APIs answer where ministack answers otherwise: a module for each API; none of them
touches ministack itself.

front                          each request in turn: refused, changed or answered, by API
lambda_limits, lambda_changes  what Lambda refuses by itself, and because of what is there
http_apis, rest_apis           events and answers of API Gateway and function URLs
templates/                     mapping templates of REST APIs (Velocity), JSONPath
log_events, state_machines     CloudWatch Logs; Step Functions
stacks, expressions            CloudFormation; the expressions of DynamoDB
operations                     which one a call is of, and whether its body fits botocore's model
calls, asgi                    the request in progress, the server's protocol
"""
