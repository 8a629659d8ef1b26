"""Every night: what is done in one, where it is kept, and the schedules that start it.

`schedule` says what is measured, where and when, as data.
`night` reports on a run and judges it, `archive` keeps it by date with `latest/` and an index.
`printed` writes schedules for others (cron, systemd, GitHub, GitLab, CodeBuild, Airflow) from the
files of `templates/`; `deployed` makes one inside AWS from `stack.yaml`.
"""
