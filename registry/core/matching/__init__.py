"""Codes go in, the registered works that they belong to come out, with how sure that is."""

from registry.core.matching.bands import BandIndex
from registry.core.matching.chain import ChainIndex
from registry.core.matching.codes import CodeIndex
from registry.core.matching.digests import DigestIndex
from registry.core.matching.dihedral import DIHEDRAL, dihedral
from registry.core.matching.grades import GRADES, colours_agree, grade, radius
from registry.core.matching.hits import Hits
from registry.core.matching.listing import StoredCodes, StoredRow, by_algorithm, lists_of
from registry.core.matching.lists import KIND_CODES, ListColumns
from registry.core.matching.matcher import Match, Matcher
from registry.core.matching.opening import open_index
from registry.core.matching.passages import PassageIndex
from registry.core.matching.passages_common import NOBODY, with_common_marked
from registry.core.matching.passages_search import MIN_WORDS, Passage

__all__ = [
    "DIHEDRAL",
    "GRADES",
    "KIND_CODES",
    "MIN_WORDS",
    "NOBODY",
    "BandIndex",
    "ChainIndex",
    "CodeIndex",
    "DigestIndex",
    "Hits",
    "ListColumns",
    "Match",
    "Matcher",
    "Passage",
    "PassageIndex",
    "StoredCodes",
    "StoredRow",
    "by_algorithm",
    "colours_agree",
    "dihedral",
    "grade",
    "lists_of",
    "open_index",
    "radius",
    "with_common_marked",
]
