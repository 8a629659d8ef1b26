"""The one answer of a run: which size, how sure that is, what it changes; in every form.

recommendation  the best size of one curve for one goal
headline        what to set, as one sentence and as figures
answer          the same in words and as cards, what else matters beside it
first_screen    what stands first in a report
why_this_size   what each size costs and takes, as small panels
as_json         the answer as plain JSON values
as_markdown     the answer for a pull request
"""
