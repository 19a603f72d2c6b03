"""Every table of the registry, in one metadata: what migrations compare themselves with."""

from sqlalchemy import MetaData

import registry.addresses.models
import registry.base.idempotency
import registry.base.jobs
import registry.base.ratelimits
import registry.domains.models
import registry.licences.models
import registry.log.models
import registry.notices.models
import registry.parties.models
import registry.publishing.models
import registry.remuneration.models
import registry.usage.models
import registry.works.models  # noqa: F401 - each import registers the room's tables
from registry.base.db import Base

metadata: MetaData = Base.metadata
