"""From notebooks to files: any notebook of papermill, run strictly, becomes one HTML file.

report           what runs with which values under which name; running; what is kept
parameters       what a notebook declares
values           values held to the declared types, and as code
execution        one notebook run by papermill, in a kernel of this interpreter
html             the page of an executed notebook
markup           HTML, SVG, markdown and pictures made harmless
terminal         what a terminal would show, as HTML
tables           tables that sort without a script; their numbers as CSV and JSON
index            the list of a place's reports
destination      a folder, a bucket, or another place that papermill writes to
progress         shown on a terminal or in a notebook; of several notebooks as one line
"""
