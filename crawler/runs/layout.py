"""What a complete run folder holds. All addresses in its papers are relative to it."""

from __future__ import annotations

DATA = "data"
"""The kept part, in the layout of the input."""
VERDICTS = "verdicts.parquet"
"""One row per item."""
CODES = "codes.parquet"
"""The fingerprints of every item."""
LICENCES = "licences.json"
"""The lab's own licences by which the run was judged; only there if it asked in its name. Keep it confidential."""
RUN = "run.json"
"""The manifest. Written last: a folder without it is no run."""
RECEIPT = "receipt.tlog-proof"
"""What the registry answered to the claim."""
