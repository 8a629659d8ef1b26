"""The folder that a user works in: its settings, its files, and those of the package otherwise.

settings    lambdatuning.toml, [tool.lambdatuning], LAMBDATUNING_* and defaults, with their origin
resources   template, notebooks, payload types, recorded runs: the folder's own, else the package's
extras      parts that are installed on demand, and how to install them
code        the commit that a run is made of
project     a project of one's own, written by `lambdatuning init`
"""
