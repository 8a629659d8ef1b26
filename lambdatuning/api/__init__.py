"""The public functions, which notebooks and commands call: plain values in, frozen ones out."""
