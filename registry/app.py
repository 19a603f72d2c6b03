"""`create_app` and `wire`: the one place where everything is put together."""

from __future__ import annotations

from contextlib import suppress

from flask import Flask

from registry import operating
from registry.addresses import api as addresses_api
from registry.addresses import pages as addresses_pages
from registry.base.clock import Sources
from registry.base.db import Database
from registry.base.files import open_store
from registry.base.health import Readiness
from registry.base.http import Context, install, make_api, register_http
from registry.base.metrics import Metrics
from registry.base.ratelimits import RateLimiter
from registry.base.settings import Settings
from registry.base.telemetry import configure_logging
from registry.checking import api as checking_api
from registry.checking import files_api, lookup_api
from registry.checking.base_files import BaseFiles
from registry.checking.ranges import DecoySecret
from registry.checking.service import LiveIndex
from registry.core.errors import NotReady
from registry.domains import api as domains_api
from registry.domains import pages as domains_pages
from registry.domains.service import Prober
from registry.licences import (
    accepting_pages,
    answering_pages,
    asking_pages,
    basket_pages,
    request_pages,
    requests_api,
)
from registry.licences import api as licences_api
from registry.licences import pages as licence_pages
from registry.log import api as log_api
from registry.log import pages as log_pages
from registry.log import receipt_pages
from registry.log.keys import LogKey
from registry.notices import pages as notices_pages
from registry.own_data import pages as own_data_pages
from registry.parties import api as parties_api
from registry.parties import pages as parties_pages
from registry.parties import service as parties
from registry.publishing import api as publishing_api
from registry.publishing import pages as publishing_pages
from registry.publishing import receipts_api
from registry.readiness import readiness
from registry.remuneration import api as remuneration_api
from registry.remuneration import (
    audit_pages,
    cost_pages,
    costs_api,
    declaring_pages,
    invoices_api,
    members_api,
    reconciliation_pages,
)
from registry.remuneration import files_api as settlement_files_api
from registry.remuneration import pages as remuneration_pages
from registry.usage import api as usage_api
from registry.usage import claiming_pages, declarations_api, runs_api, uses_api, uses_pages
from registry.usage import pages as usage_pages
from registry.web import lab_pages, manual, pages
from registry.wiring import log_keys, open_database
from registry.works import api as works_api
from registry.works import bulk_api, file_pages, repertoire_api, title_pages, together_pages, work_pages
from registry.works import pages as works_pages

_ROOMS = (
    parties_api,
    addresses_api,
    works_api,
    bulk_api,
    repertoire_api,
    domains_api,
    licences_api,
    requests_api,
    checking_api,
    files_api,
    lookup_api,
    publishing_api,
    receipts_api,
    usage_api,
    runs_api,
    uses_api,
    declarations_api,
    remuneration_api,
    costs_api,
    invoices_api,
    members_api,
    settlement_files_api,
    log_api,
)


_PAGES = (
    log_pages.blueprint,
    receipt_pages.blueprint,
    *parties_pages.blueprints,
    addresses_pages.blueprint,
    own_data_pages.blueprint,
    notices_pages.blueprint,
    works_pages.blueprint,
    work_pages.blueprint,
    file_pages.blueprint,
    together_pages.blueprint,
    title_pages.blueprint,
    domains_pages.blueprint,
    operating.blueprint,
    licence_pages.blueprint,
    basket_pages.blueprint,
    accepting_pages.blueprint,
    request_pages.blueprint,
    asking_pages.blueprint,
    answering_pages.blueprint,
    publishing_pages.blueprint,
    usage_pages.blueprint,
    claiming_pages.blueprint,
    uses_pages.blueprint,
    lab_pages.blueprint,
    remuneration_pages.blueprint,
    declaring_pages.blueprint,
    cost_pages.blueprint,
    reconciliation_pages.blueprint,
    audit_pages.blueprint,
)


def wire(settings: Settings, sources: Sources | None = None, database: Database | None = None) -> Context:
    """The parts of one registry. Opens no connection and reads no key before it has to."""
    database = database or open_database(settings)
    sources = sources or Sources()
    index = LiveIndex(BaseFiles(settings.home / "cache" / "check-index"))
    parts: dict[type, object] = {LiveIndex: index, RateLimiter: RateLimiter(database), Prober: Prober()}
    parts[DecoySecret] = DecoySecret(settings.home / "keys" / "decoys.key")
    parts |= {Metrics: Metrics(), Readiness: readiness(settings, database, sources, index)}
    # Without keys it can register and check; what needs a signature says what is missing.
    with suppress(NotReady):
        parts[LogKey] = LogKey.load(log_keys(settings))
    return Context(
        settings=settings,
        database=database,
        files=open_store(settings.files_url),
        sources=sources,
        authenticate=parties.authenticate_key,
        parts=parts,
    )


def create_app(
    settings: Settings, *, sources: Sources | None = None, database: Database | None = None
) -> Flask:
    """The application of one registry: its views know nothing but what `wire` gives them."""
    app = Flask("registry", static_folder=None)
    configure_logging(settings.log_level)
    install(app, wire(settings, sources, database))
    register_http(app)
    api = make_api(app)
    for room in _ROOMS:
        api.register_blueprint(room.blueprint)
    pages.init_app(app)
    for own in _PAGES:
        app.register_blueprint(own)
    app.register_blueprint(manual.blueprint)
    return app
