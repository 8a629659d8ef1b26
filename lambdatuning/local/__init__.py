"""The embedded AWS: an endpoint on loopback whose Lambda runs as fast as its memory size says.

endpoint, settings      start it as a child process, reach it      <- what the rest of the kit uses
__main__, server        that process
cleanup, peers          what removes everything of it when it ends, who connects
services/gateway        who may use the endpoint, with signatures (AWS_IAM); strict: switches
apis/                   in front of ministack, by API: front hands each request to lambda_limits,
                        lambda_changes, expressions (DynamoDB), log_events, state_machines, stacks,
                        http_apis, rest_apis with templates/ (Velocity, JSONPath); operations and
                        their bodies by botocore's models; asgi, calls
services/               ministack (the seam: every name of it that is touched), executor in the
                        place of its own, corrections of what only it can know, async_invokes,
                        records (what its records mean); packages (zips, layers) beside it
invoker                 one invocation: pool -> environment -> report, under admission; its ledger
pool, admission         idle and busy environments; CPU shares, and who may run
runtime/                one execution environment: environment, process, command (what is started
                        with which variables), mounts with root_holder (what it sees of the host),
                        runtime_api with http_messages, and the bootstraps
limiters/               CPU share = memory / 1769 MB by cgroup v2, cgroup v1 or SIGSTOP
logs/, faults           what a function printed, what the platform writes, and what AWS answers
function                plain values: a function version, a request, an outcome
"""
