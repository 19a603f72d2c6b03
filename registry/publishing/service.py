"""Publish an edition: read one consistent state, write the files, sign them, and say so in the log.

The order makes every interruption harmless. The edition's number and its `optout` leaf are committed first; files
are written under names made of their digests; the signed timestamp, which alone makes an edition visible, is last.
An edition that was interrupted leaves a gap in the numbering and nothing else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from registry.base.clock import Sources
from registry.base.db import Database
from registry.core.decisions import Terms
from registry.core.ids import format_id
from registry.core.matching import ListColumns
from registry.licences import service as licences
from registry.log import service as log
from registry.publishing import rules
from registry.publishing.models import Edition
from registry.works import service as works
