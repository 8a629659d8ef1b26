"""The embedded AWS: an endpoint on loopback whose Lambda runs as fast as its memory size says.

endpoint, settings      start it as a child process, reach it      <- what the rest of the kit uses
server, cleanup         that process, and what removes everything of it when it ends
services/               gateway (the HTTP front door), ministack (the seam to it) with corrections,
                        records (what its records mean) and packages (zips)
invoker                 one invocation: pool -> environment -> report, under admission; its ledger
pool, admission         idle and busy environments; CPU shares, and who may run
runtime/                one execution environment: environment, process, command (what is started
                        with which variables), mounts (what it sees of the host), runtime_api, and
                        the bootstraps
limiters/               CPU share = memory / 1769 MB by cgroup v2, cgroup v1 or SIGSTOP
logs/, faults           what a function printed, what the platform writes, and what AWS answers
function                plain values: a function version, a request, an outcome
"""
