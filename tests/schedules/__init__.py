"""Schedules: a night, what prints them, what deploys one."""
