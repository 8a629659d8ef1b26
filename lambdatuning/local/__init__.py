"""The embedded AWS: an endpoint on loopback whose Lambda runs as fast as its memory size says.

endpoint    start it as a child process, reach it          <- what the rest of the kit uses
server      that process: gateway + ministack + Lambda, watched by supervisor (and sweep)
gateway     HTTP front door: host check, own routes, who calls
ministack_hook   the one module that knows ministack; hands every invocation to invoker
invoker     one invocation: pool -> environment -> report, under admission
pool        idle and busy execution environments
environment one real process (command, runtime_api, *_bootstrap) in a cage of limiters/
limiters/   CPU share = memory / 1769 MB: cgroup v2, cgroup v1 or SIGSTOP
report, transcript, faults   what AWS writes and answers
shares, admission, packages, ledger   memory to CPU, CPU to environments, zips, measured facts
"""
