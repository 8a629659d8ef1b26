"""Invocations from exported logs: what people export, the reports in it, a samples frame.

A file is unpacked (`archives`) into messages (`exports`); a block of messages is parsed at once
(`reports`), the odd line alone (`odd_reports`), with when and where it was written (`places`) and
what other lines tell of failures (`failures`); `log_frame` makes samples of it.
"""

import os

# Polars' allocator hands freed pages back only when they are needed, so that they count as used.
os.environ.setdefault("_RJEM_MALLOC_CONF", "muzzy_decay_ms:0,narenas:1")
