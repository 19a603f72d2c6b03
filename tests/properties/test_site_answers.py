"""A site that is asked about many addresses says of each what all its files, read for that address alone, say."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.fingerprints.model import DEFAULT_LIMITS
from registry.core.signals import Observation, Subject
from registry.core.signals.path_patterns import PathPatterns
from registry.core.signals.reading import SITE_FILES, Obtained, read
from registry.core.signals.robots_paths import matcher, normal, target
from registry.core.signals.site import Site
from registry.core.signals.summary import of_a_site, summarise

pieces = st.sampled_from(
    [
        "/",
        "a",
        "b",
        "?",
        ";",
        "//",
        "/a/",
        ".jpg",
        "*",
        "$",
        "?x=1",
        "%41",
        "%2f",
        "ä",
        " ",
        "#c",
        "\t",
        "robots.txt",
        "b*c$",
    ]
)
patterns = st.lists(pieces, max_size=5).map("".join)
paths = st.lists(pieces, max_size=6).map(
    lambda found: "/" + "".join(found).replace("#", "").replace("\t", "")
)
agents = st.sampled_from(["*", "GPTBot", "mybot", "otherbot"])


def robots_lines() -> st.SearchStrategy[str]:
    value = st.sampled_from(["train-ai=n", "train-ai=y", "search=n", "", "x"])
    signal = st.sampled_from(["ai-train=no", "ai-train=yes", "search=no", "ai-train=maybe"])
    with_path = st.tuples(patterns.map(lambda p: "/" + p), st.sampled_from([" ", "  ", "\t"]))
    return st.one_of(
        agents.map(lambda token: f"User-agent: {token}"),
        patterns.map(lambda p: f"Disallow: {p}"),
        patterns.map(lambda p: f"Allow: {p}"),
        st.builds(lambda at, said: f"Content-Usage: {at[0]}{at[1]}{said}", with_path, value),
        value.map(lambda said: f"Content-Usage: {said}"),
        st.builds(lambda at, said: f"Content-Signal: {at[0]}{at[1]}{said}", with_path, signal),
        signal.map(lambda said: f"Content-Signal: {said}"),
        st.sampled_from(["License: https://a.example/l.xml", "License: l.xml", "nonsense", ""]),
    )


files = st.lists(robots_lines(), max_size=10).map(lambda lines: "\n".join(lines).encode())
rules = st.builds(
    lambda location, value: f'{{"location": "{location}", "tdm-reservation": {value}}}',
    patterns.map(lambda p: "/" + p.replace("\t", "")),
    st.sampled_from(["0", "1", '"1"', "true", "7"]),
)
tdmrep = st.one_of(
    st.lists(rules, max_size=4).map(lambda found: f"[{','.join(found)}]".encode()),
    st.just(b"{"),
    rules.map(str.encode),
)
contents = st.builds(
    lambda url, terms: f'<content url="{url}"><license>{terms}</license></content>',
    patterns.map(lambda p: ("/" + p).replace("\t", "")),
    st.sampled_from(
        ['<permits type="usage">all</permits>', '<prohibits type="usage">ai-train</prohibits>', ""]
    ),
)
licences = st.one_of(
    st.lists(contents, max_size=3).map(
        lambda found: f'<rsl xmlns="https://rslstandard.org/rsl">{"".join(found)}</rsl>'.encode()
    ),
    st.just(b"<rsl"),
)


def answer(path: str, body: bytes, status: int | None) -> Observation:
    url = f"https://a.example{path}"
    return Observation(url, status, (), body if status == 200 else b"", None if status else "timeout", 7)


statuses = st.sampled_from([200, 200, 200, 200, 404, 503, None])


@st.composite
def sites(draw: st.DrawFn) -> Obtained:
    bodies = (draw(files), draw(tdmrep), draw(files))
    site = {path: answer(path, body, draw(statuses)) for path, body in zip(SITE_FILES, bodies, strict=True)}
    return Obtained(
        site=site, licences={"https://a.example/l.xml": answer("/l.xml", draw(licences), draw(statuses))}
    )


@settings(max_examples=60, deadline=None)
@given(
    sites(),
    st.lists(paths, min_size=1, max_size=6),
    st.sampled_from([None, "mybot"]),
    st.booleans(),
    st.booleans(),
)
def test_each_address_is_told_what_the_files_say_about_it(
    obtained: Obtained, asked: list[str], agent: str | None, any_ai_agent: bool, strict: bool
) -> None:
    subject = Subject(agent=agent, any_ai_agent=any_ai_agent, strict=strict)
    site = Site(obtained, subject, lambda: obtained)
    for number, path in enumerate([*asked, "/robots.txt", *asked]):
        if number == 2:
            site.forget()
        url = f"https://a.example{path}"
        alone = Subject(url, agent=agent, any_ai_agent=any_ai_agent, strict=strict)
        assert site.said(url) == of_a_site(summarise(read(obtained, alone, DEFAULT_LIMITS)))


@given(st.lists(patterns.map(lambda p: normal(("/" + p).encode())), max_size=8), paths, paths)
def test_addresses_that_a_pattern_tells_apart_are_told_apart(
    found: list[bytes], one: str, other: str
) -> None:
    a, b = (target(f"https://a.example{path}") for path in (one, other))
    together = PathPatterns(found)
    if any(bool(matcher(p)(a)) != bool(matcher(p)(b)) for p in found):
        assert together.under(a) != together.under(b)
