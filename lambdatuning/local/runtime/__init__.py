"""One execution environment: its process, what it sees of the host, and its Runtime API.

environment, process        an environment from init to shutdown; the process that it runs in
command                     the program that is started, with its arguments and variables
mounts, root_holder         what it sees of the host; the process that holds the mount namespace
runtime_api, http_messages  the Runtime API and the Extensions API; the HTTP that they speak
python_bootstrap            the main program of Python (of Node.js: node_bootstrap.mjs)
"""
