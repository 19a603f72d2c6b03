"""A maker's receipt: what the published edition tells everybody about one work, proved to stand in the log.

Beside each edition its book is kept in the file store, from which a proof is made in a few reads. The book of the
edition before stays as well: whoever is reading in it is not disturbed by a publish.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session

from registry.base.files import Store
from registry.core.errors import Corrupt, NotFound, NotReady, VerificationFailed
from registry.core.ids import format_id
from registry.core.snapshots.book import Book
from registry.core.snapshots.store import Store as Shelf
from registry.log import service as log
from registry.publishing.models import Edition
from registry.works import service as works

FOLDER = "books/"
_KEPT = 2


def keep_book(store: Shelf, sequence: int, path: Path) -> None:
    """Put an edition's book into the store, before the edition can be seen."""
    store.put(_place(sequence), path)


def drop_old_books(store: Shelf, sequence: int) -> None:
    """Remove the books of editions long before this one, which is published now."""
    older = sorted(path for path in store.paths(FOLDER) if path <= _place(sequence))
    for path in older[:-_KEPT]:
        store.remove(path)


def receipt_of_work(session: Session, store: Store, edition: Edition | None, public_id: bytes) -> str:
    """The receipt for this work in this edition.

    `NotFound` for a work that no edition tells of, `NotReady` for one that is too new for it, or as long as no signed
    checkpoint covers the edition.
    """
    found = works.works_by_public_id(session, [public_id]).get(public_id)
    if found is None:
        raise NotFound(f"No published edition tells of {format_id('work', public_id)}.")
    if edition is None or (book := _open_book(store, edition.sequence)) is None or found.row >= book.works:
        raise NotReady("The work is not in a published edition yet; ask again after the next one is out.")
    proof = book.proof(found.row)
    if proof.work_id != public_id:
        raise NotFound(f"No published edition tells of {format_id('work', public_id)}.")
    try:
        proof.verify(edition.works_root)
    except VerificationFailed as problem:
        raise Corrupt(f"The book of edition {edition.sequence} is damaged; publish anew.") from problem
    return log.work_receipt(session, edition.log_index, proof)


def _place(sequence: int) -> str:
    return f"{FOLDER}{sequence:012d}.book"


def _open_book(store: Store, sequence: int) -> Book | None:
    """`None` for editions that were published before books were kept."""
    path = _place(sequence)

    def read(start: int, length: int) -> bytes:
        stream = store.open(path, start, length)
        if stream is None:
            raise NotReady(
                "The book of this edition is missing in the file store; it is there again after a publish."
            )
        with stream:
            return stream.read(length)

    return Book(read, sequence) if store.exists(path) else None
