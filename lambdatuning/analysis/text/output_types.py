"""Output types of our own: what a notebook keeps beside what it shows, for its report."""

PREFIX = "application/vnd.lambdatuning."

ANSWER_MIME = f"{PREFIX}answer+json"
"""The answer of a notebook, for the index of reports: `headline` and `functions`."""

RUN_MIME = f"{PREFIX}run+json"
"""What a notebook is about, for the title of its report: `functions`, `place` and `date`."""

TABLE_MIME = f"{PREFIX}table+json"
"""A table's numbers: `caption`, `columns`, `data` (rows), and `ranks`, which have for each column
that is shown the rank of each row, to sort by."""

NARROW_MIME = f"{PREFIX}narrow+svg"
"""The narrow layout of a figure, for the report on a phone."""
