"""A few bytes a family decide as the evidence itself would."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.decisions import Purpose
from registry.core.errors import Corrupt
from registry.core.signals import Evidence, answers, combine
from registry.core.signals.summary import Said, is_signal, of_a_site, said_from, summarise, weigh, with_site

EACH = [p for p in Purpose if p is not Purpose.ALL]
purposes = st.frozensets(st.sampled_from(EACH), max_size=3)
statements = st.builds(
    lambda signal, deny, allow, rank, error: Evidence(
        signal,
        "t",
        "here",
        b"",
        answers(deny=deny, allow=allow),
        rank=rank,
        error="damaged" if error else None,
    ),
    st.sampled_from(["a", "b", "tdmrep"]),
    purposes,
    purposes,
    st.integers(0, 2),
    st.booleans(),
)


@given(st.lists(statements, max_size=6), st.sampled_from(list(Purpose)))
def test_the_summary_decides_as_the_evidence(evidence: list[Evidence], purpose: Purpose) -> None:
    finding = combine(evidence, purpose)
    said = tuple(said_from(s.algorithm, s.code) for s in summarise(evidence))
    signals, gap = weigh(said, purpose)
    assert [s for s in signals if not s.permits] == [s for s in finding.signals if not s.permits]
    assert any(s.permits for s in signals) == any(s.permits for s in finding.signals)
    assert gap == finding.gap


own_words = statements.map(lambda e: replace(e, rank=3 if e.signal == "tdmrep" else 0))
files = statements.map(lambda e: replace(e, rank=1 if e.signal == "tdmrep" else 0))


@given(st.lists(own_words, max_size=4), st.lists(files, max_size=4), st.sampled_from(list(Purpose)))
def test_an_item_and_its_site_decide_together_as_all_evidence_does(
    own: list[Evidence], site: list[Evidence], purpose: Purpose
) -> None:
    together = with_site(summarise(own), of_a_site(summarise(site)))
    assert list(together) == sorted({s.signal: s for s in together}.values())
    finding = combine([*own, *site], purpose)
    signals, gap = weigh(together, purpose)
    families = {s.name.removeprefix("site.") for s in signals if not s.permits}
    assert families == {s.name for s in finding.signals if not s.permits}
    assert any(s.permits for s in signals) == any(s.permits for s in finding.signals)
    assert (gap is None) == (finding.gap is None)


def test_what_an_answer_says_replaces_the_file_of_its_site_in_tdmrep_alone() -> None:
    refusal, permission = Said("tdmrep", denied=7), Said("tdmrep", allowed=7)
    assert with_site([permission], of_a_site([refusal])) == (permission,)
    assert with_site([refusal], of_a_site([permission])) == (refusal,)
    usage = Said("content-usage", allowed=7)
    both = with_site([usage], of_a_site([replace(usage, denied=7, allowed=0)]))
    assert [s.signal for s in both] == ["content-usage", "site.content-usage"]
    assert [s.name for s in weigh(both, Purpose.TDM)[0]] == ["site.content-usage"]


def test_nothing_said_is_nothing_kept() -> None:
    assert summarise([Evidence("a", "t", "here", b"", notes=("malformed",))]) == ()
    assert weigh((), Purpose.TDM) == ((), None)


@pytest.mark.parametrize(
    ("algorithm", "code"),
    [
        ("signal.a.v2", b"\0\0\0"),
        ("signal.a.v1", b"\0\0"),
        ("signal.a.v1", b"\0\0\2"),
        ("signal..v1", b"\0\0\0"),
    ],
)
def test_a_line_that_we_did_not_write_is_no_signal(algorithm: str, code: bytes) -> None:
    assert is_signal(algorithm)
    with pytest.raises(Corrupt):
        said_from(algorithm, code)
