"""A few bytes a family decide as the evidence itself would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.decisions import Purpose
from registry.core.errors import Corrupt
from registry.core.signals import Evidence, answers, combine
from registry.core.signals.summary import is_signal, said_from, summarise, weigh

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
