"""A verdict, and what was measured, in the forms that machines read.

Each module is one medium and escapes for it: `junit` (XML), `github` (job summary, annotations,
outputs), `markdown` (a comment that is edited in place), `badge` (SVG), `exports` (the files of
other tools that watch benchmarks).
"""
