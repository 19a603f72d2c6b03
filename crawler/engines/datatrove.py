"""A filter step for datatrove: documents whose text may not be used leave the pipeline, with the reason.

from crawler.engines.datatrove import RegistryFilter
RegistryFilter("vb", purpose="train_genai", policy="eu-art4", exclusion_writer=JsonlWriter("dropped"))
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

try:
    from datatrove.data import Document
    from datatrove.pipeline.filters.base_filter import BaseFilter
except ImportError as problem:
    raise ImportError("This needs datatrove: pip install 'vorbehalt[datatrove]'") from problem

from crawler.engines.screen import open_screen
from crawler.filter import Judgement
from crawler.sources.metadata import addresses_in

_BATCH = 64


class RegistryFilter(BaseFilter):
    """Keeps a document as it is, or drops it and says why.

    With `domain_signals`, what the site says counts from which a document comes, by the `url` in its metadata; one
    without any is dropped. What is dropped has `filter_reason` in its metadata (`registered.no-licence`,
    `unchecked.too-short`), and the work that it resembles as `registered_work`; what is kept under a licence of the
    lab's own has `licence`, to be reported.
    """

    name = "Vorbehalt"

    def __init__(
        self,
        snapshot: Path | str,
        *,
        purpose: str,
        policy: str,
        exclusion_writer: Any = None,
        batch_size: int = _BATCH,
        **options: Any,
    ) -> None:
        """By the synced registry in `snapshot`, checked here and now; `options` are those of `open_screen`.

        The step is sent to other processes as paths and digests; each needs the snapshot there, and with
        `domain_signals` that file and its index.
        """
        super().__init__(exclusion_writer, batch_size)
        self._screen = open_screen(Path(snapshot).absolute(), purpose=purpose, policy=policy, **options)

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        """One document."""
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: list[Document]) -> list[bool | tuple[bool, str]]:
        """Documents by their texts, in order."""
        addresses = [addresses_in(doc.metadata) for doc in batch]
        judged = self._screen.judge([doc.text for doc in batch], addresses)
        return [_carried_out(doc, judgement) for doc, judgement in zip(batch, judged, strict=True)]


def _carried_out(doc: Document, judgement: Judgement) -> bool | tuple[bool, str]:
    """What datatrove wants to hear; what a person wants to know goes into the metadata."""
    if judgement.decision.kept:
        if judgement.uses:
            doc.metadata["licence"] = [use.licence for use in judgement.uses]
        return True
    if judgement.deciding is not None:
        doc.metadata["registered_work"] = judgement.deciding[0]
    return False, judgement.decision.reason
