"""Every sentence that a look for a proof can end with is known to the pages, which say it in their own language."""

from __future__ import annotations

from typing import Any

import pytest

from registry.domains import probing, words
from registry.domains.fetching import MAX_BODY, Answer, FetchFailed
from registry.domains.names import NoAnswer, NoSuchName
from registry.domains.probing import Prober
from registry.domains.rules import Method


class Told:
    """A DNS that answers as it was told to."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def texts(self, _name: str) -> Any:
        return self.addresses(_name)

    def addresses(self, _host: str) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (NoSuchName(), "We looked for a TXT record at _vorbehalt.anna.example. There is none."),
        (NoAnswer("it did not answer within 5 seconds"), "There was no answer in time."),
        (NoAnswer("it answered with an error (NoNameservers)"), "They answered with a fault."),
        (("a",), "There is 1 TXT record, but it is not the text below."),
        (("a", "b"), "There are 2 TXT records, but none is the text below."),
    ],
)
def test_looks_in_the_dns(answer: Any, said: str) -> None:
    assert said in words.failure(Prober(names=Told(answer)).probe("anna.example", Method.DNS, "x").detail)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("addresses", "answer", "said"),
    [
        (NoSuchName(), None, "the name has no address"),
        (
            NoAnswer("it did not answer within 5 seconds"),
            None,
            "asked the domain’s name servers for anna.example.",
        ),
        (("127.0.0.1",), None, "127.0.0.1, is not on the public internet"),
        (("8.8.8.8",), FetchFailed("it has no valid certificate (X)"), "no valid certificate"),
        (("8.8.8.8",), FetchFailed("it did not answer within 10 seconds"), "no answer in time"),
        (("8.8.8.8",), FetchFailed("it could not be reached (X)"), "could not be reached"),
        (("8.8.8.8",), FetchFailed("its answer broke off"), "could not be read"),
        (("8.8.8.8",), Answer(503, b"", None), "with the status 503"),
        (("8.8.8.8",), Answer(403, b"", None), "with the status 403"),
        (("8.8.8.8",), Answer(404, b"", None), "no such file"),
        (
            ("8.8.8.8",),
            Answer(301, b"", "https://www.a.example/it's"),
            "sent us on to https://www.a.example/it's.",
        ),
        (("8.8.8.8",), Answer(200, b"x" * (MAX_BODY + 1), None), "too long"),
        (("8.8.8.8",), Answer(200, b"y", None), "is not a line of it"),
    ],
)
def test_looks_at_the_host(monkeypatch: pytest.MonkeyPatch, addresses: Any, answer: Any, said: str) -> None:
    def fetched(*_: object) -> Answer:
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Answer)
        return answer

    monkeypatch.setattr(probing, "fetch", fetched)
    prober = Prober(names=Told(addresses))  # type: ignore[arg-type]
    assert said in words.failure(prober.probe("anna.example", Method.FILE, "x").detail)


def test_a_sentence_that_is_not_known_is_shown_as_it_is() -> None:
    assert words.failure("Something else.\nAltogether.") == "Something else.\nAltogether."
