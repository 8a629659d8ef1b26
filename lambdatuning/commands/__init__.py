"""The commands of the command line, one module each: `add_arguments(parser)` and `run(arguments)`.

Modules import nothing heavy before they run, so that `lambdatuning --help` answers at once.
"""
