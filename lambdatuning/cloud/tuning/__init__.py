"""A tuning run as the client sees it: checked, priced, started, followed, cleaned up after.

plan, exposure    everything checked, nothing created; what a run means for the function's traffic
run, cleaning     seed, start, follow, fetch, store; what a run left, put back
isolation         a copy of the function, tuned in its place
power_tuning      a deployment of AWS Lambda Power Tuning, through its own contract
"""
