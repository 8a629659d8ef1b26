"""The services around Lambda: the gateway, ministack behind one seam, its records.

gateway, signatures    who may use the endpoint; calls of deployed APIs signed by AWS_IAM
strict, stack_rights   switches that make it as strict as an account; rights of CloudFormation
ministack              the seam: the only module that imports it
executor, records      functions run in the place of its executor, from its records
async_invokes          retries, dead-letter queues and destinations
corrections            where its CloudFormation and Step Functions mean something else than AWS
"""
