"""The public functions of notebooks and the command line: plain values in, frozen ones out."""
