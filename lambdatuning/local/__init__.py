"""The embedded AWS: an endpoint on loopback whose Lambda runs as fast as its memory size says.

endpoint        start it as a child process, reach it   <- what the rest of the kit uses
server          that process: gateway + ministack + Lambda; supervisor and sweep clean up
gateway         HTTP front door: host check, own routes, limits, who calls
ministack_hook  every invocation goes from ministack on to the invoker; it alone knows ministack,
                with function_record, layer_records and log_pages, which read its records, and
                ministack_corrections, which puts right where it answers other than AWS
invoker         one invocation: pool -> environment -> report, under admission
pool            idle and busy execution environments
environment     one real process in a cage: command, own_tmp, runtime_process, runtime_api with
                arrivals, settling, *_runtime (what a runtime brings along), *_bootstrap
limiters/       CPU share = memory / 1769 MB by cgroup v2, cgroup v1 or SIGSTOP
report, transcript, faults      what AWS writes and answers
log_buffer, log_events          what a function printed, cut into events
shares, admission, packages, ledger     memory to CPU, CPU to environments, zips, measured facts
"""
