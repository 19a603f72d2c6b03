"""A made-up quarter in a registry's database: makers with works, labs with licences, and what the labs reported.

It is written row by row into the tables, because a million registrations would take longer than what is measured.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy.orm import Session

from registry.base.bulk_insert import insert_many
from registry.core.ids import format_id
from registry.core.records.claims import rows_root
from registry.core.records.leaves import UseLeaf
from registry.core.tariffs import Component, FlatPerPeriod, PerUnit, Tariff, Unit
from registry.licences.models import Agreement, Offer, TariffSeries, TariffVersion
from registry.log import service as log
from registry.parties.models import Model, Party
from registry.usage.models import ClaimBatch, ClaimRow, Run
from registry.works.models import ShareRow, Work

NOW = datetime(2026, 8, 2, 9, 30, tzinfo=UTC)
CURRENCIES = ("EUR", "USD", "GBP", "PLN", "JPY", "KRW", "KWD", "TND")
"""Of two, none and three decimal places. ISO 4217 has none of four that money is paid in."""
_LABS = 50


@dataclass(frozen=True)
class Size:
    """How much there is. A pool is one agreement with its own share of works and parties."""

    works: int
    parties: int
    pools: int

    @property
    def works_each(self) -> int:
        """Works of one pool."""
        return self.works // self.pools

    @property
    def parties_each(self) -> int:
        """Parties of one pool, not counting others that hold a share here and there."""
        return self.parties // self.pools


class Quarter:
    """Fills an empty database; ids are random, and the same each time."""

    def __init__(self, session: Session, size: Size) -> None:
        self._session = session
        self._size = size
        self._random = random.Random(2026)
        self._work_ids = [self._id() for _ in range(size.works)]

    def fill(self) -> None:
        """Write everything. The operator's key is 1, labs follow, then the makers."""
        self._parties()
        self._licences()
        self._works()
        for lab in range(min(_LABS, self._size.pools)):
            self._claim(lab)

    def _id(self) -> bytes:
        return self._random.randbytes(16)

    def _maker(self, number: int) -> int:
        return _LABS + 2 + number

    def _agreement(self, pool: int) -> tuple[int, bytes]:
        return pool + 1, sha256(b"agreement %d" % pool).digest()[:16]

    def _parties(self) -> None:
        roles = ["operator", *["lab"] * _LABS, *["creator"] * self._size.parties]
        rows = [(n, self._id(), role, "Somebody", NOW) for n, role in enumerate(roles, start=1)]
        insert_many(self._session, Party, ("id", "public_id", "role", "name", "created_at"), rows)
        models = [(n + 1, self._id(), n + 2, "model", "1", NOW) for n in range(_LABS)]
        insert_many(
            self._session, Model, ("id", "public_id", "lab_id", "name", "version", "created_at"), models
        )

    def _licences(self) -> None:
        """One tariff, offer and agreement a pool: a price per image, and for one in three a flat fee."""
        since, empty = NOW - timedelta(days=60), bytes(32)
        for pool in range(self._size.pools):
            key, public_id = self._agreement(pool)
            owner, lab = self._maker(pool * self._size.parties_each), 2 + pool % _LABS
            series = self._id()
            components: tuple[Component, ...] = (
                PerUnit(self._random.randrange(1, 900), 100, Unit.IMAGE),
                *([FlatPerPeriod(100_000)] if pool % 3 == 0 else []),
            )
            tariff = Tariff(format_id("tariff", series), 1, CURRENCIES[pool % len(CURRENCIES)], components)
            made = {"created_at": since, "created_by": owner}
            self._session.add(TariffSeries(id=key, public_id=series, owner_id=owner, name="Pictures", **made))
            self._session.flush()
            version = TariffVersion(
                id=key,
                tariff_id=key,
                version=1,
                currency=tariff.currency,
                components=[component.as_json() for component in components],
                digest=tariff.digest,
                log_index=0,
                **made,
            )
            self._session.add(version)
            self._session.flush()
            terms = {
                "purpose": "train_genai",
                "territories": ["world"],
                "valid_from": since,
                "terms_digest": empty,
                "salt": empty,
                "recorded_at": since,
                "change_seq": 0,
                "owner_id": owner,
                "tariff_version_id": key,
            }
            self._session.add(Offer(id=key, public_id=self._id(), offered_by=owner, to_anyone=False, **terms))
            self._session.flush()
            self._session.add(
                Agreement(
                    id=key,
                    public_id=public_id,
                    offer_id=key,
                    licensee_id=lab,
                    accepted_by=lab,
                    tariff_digest=tariff.digest,
                    log_index=0,
                    **terms,
                )
            )
            self._session.flush()

    def _works(self) -> None:
        works, shares = [], []
        for n, public_id in enumerate(self._work_ids):
            owner = self._maker(self._owner(n))
            contested = NOW if self._random.random() < 0.01 else None
            works.append(
                (n + 1, public_id, n, owner, owner, "image", "A heron", "human", "snapshot", False, NOW, contested, 0)
            )  # fmt: skip
            since = NOW - timedelta(days=40)
            for party, ppm in self._held(n):
                shares.append((n + 1, since, since, owner, self._maker(party), "reproduction", "world", ppm))
        columns = (
            "id", "public_id", "row", "owner_id", "registered_by", "kind", "title", "made_by", "disclosure",
            "persons_depicted", "created_at", "contested_since", "change_seq",
        )  # fmt: skip
        insert_many(self._session, Work, columns, works)
        held = (
            "work_id", "valid_from", "recorded_at", "recorded_by", "party_id", "right", "territory", "ppm",
        )  # fmt: skip
        insert_many(self._session, ShareRow, held, shares)

    def _owner(self, work: int) -> int:
        pool = min(work // self._size.works_each, self._size.pools - 1)
        return pool * self._size.parties_each + work % self._size.parties_each

    def _held(self, work: int) -> Iterator[tuple[int, int]]:
        """Most works have one holder, a third two, some a third from anywhere; one in a hundred is incomplete."""
        owner, chance = self._owner(work), self._random.random()
        if chance < 0.62:
            yield owner, 1_000_000
        elif chance < 0.92:
            yield owner, 700_000
            yield self._other(work), 300_000
        elif chance < 0.99:
            yield owner, 400_000
            yield self._other(work), 333_333
            yield (owner + self._size.parties // 2) % self._size.parties, 266_667
        else:
            yield owner, 250_000

    def _other(self, work: int) -> int:
        each, owner = self._size.parties_each, self._owner(work)
        return owner // each * each + (owner + 1) % each

    def _claim(self, lab: int) -> None:
        """One run and one claim with all works of the lab's agreements."""
        size, key = self._size, lab + 1
        used = []
        for pool in range(lab, size.pools, _LABS):
            agreement, public_id = self._agreement(pool)
            licence = f"{format_id('agreement', public_id)}@1"
            for n in range(pool * size.works_each, (pool + 1) * size.works_each):
                name, units = format_id("work", self._work_ids[n]), self._random.randrange(1, 500)
                used.append((name, f"{name}\t{units}\t{licence}\t2\n", n + 1, agreement, licence, units))
        used.sort()
        data = "".join(line for _, line, *_ in used).encode()
        run = sha256(b"run %d" % lab).hexdigest()
        party, model = self._session.get_one(Party, key + 1), self._session.get_one(Model, key)
        root = rows_root(data)
        leaf = UseLeaf(
            dataset=f"sha256:{run}",
            lab=format_id("party", party.public_id),
            model=format_id("model", model.public_id),
            rows=len(used),
            root=root.hex(),
            at=int(NOW.timestamp()),
            who="33" * 32,
        )
        (index,) = log.append(self._session, [(log.idempotency_key(run.encode()), leaf.body())])
        made = {"lab_id": key + 1, "submitted_at": NOW}
        self._session.add(
            Run(id=key, run_id=run, purpose="train_genai", territory="DE", manifest=b"{}", **made)
        )
        self._session.flush()
        batch = ClaimBatch(
            id=key,
            public_id=self._id(),
            run_id=key,
            model_id=key,
            idem=sha256(data).digest(),
            log_index=index,
            salt=bytes(32),
            rows_root=root,
            row_count=len(used),
            rows=data,
            **made,
        )
        self._session.add(batch)
        self._session.flush()
        tariffs = {
            agreement: self._session.get_one(TariffVersion, agreement).digest for *_, agreement, _, _ in used
        }
        rows = [
            (key, n, work, agreement, licence, tariffs[agreement], units, "image", 2)
            for n, (_, _, work, agreement, licence, units) in enumerate(used)
        ]
        columns = ("batch_id", "n", "work_id", "agreement_id", "licence", "tariff", "units", "unit", "how")
        insert_many(self._session, ClaimRow, columns, rows)
