"""The prober against real servers on this machine: where a proof is found, and what it never lets itself be led to."""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.hosts import is_public
from registry.core.ids import format_id
from registry.domains import fetching, names
from registry.domains.names import Names
from registry.domains.probing import Prober
from registry.domains.rules import Method, Outcome, Probe
from tests.support.internet import HERE, Internet, http, internet, read_request

HOST = "anna.example"
LINE = "vorbehalt-domain=" + format_id("domain", b"a claim to prove")
PLACE = f"_vorbehalt.{HOST}"
FOUND, MISSING, UNREACHABLE = Outcome.FOUND, Outcome.MISSING, Outcome.UNREACHABLE


@pytest.fixture(scope="module")
def world() -> Iterator[Internet]:
    with internet(HOST, "xn--bcher-kva.example") as world:
        yield world


@pytest.fixture
def net(world: Internet) -> Internet:
    """As it was at the beginning."""
    world.dns.records = {(HOST, "A"): [HERE], ("xn--bcher-kva.example", "A"): [HERE]}
    world.dns.failing, world.dns.silent, world.dns.asked = set(), set(), []
    world.web.files, world.web.talk, world.web.requests, world.web.connections = {}, None, [], 0
    return world


def by_dns(net: Internet, line: str = LINE) -> Probe:
    return net.prober.probe(HOST, Method.DNS, line)


def by_file(net: Internet, host: str = HOST) -> Probe:
    return net.prober.probe(host, Method.FILE, LINE)


# -- in the DNS ---------------------------------------------------------------------------------------------
def test_a_record_in_the_dns_is_found_among_others(net: Internet) -> None:
    net.dns.add(PLACE, "TXT", '"v=something"', f'" {LINE} "')
    assert by_dns(net) == Probe(FOUND)
    assert net.dns.asked == [(PLACE, "TXT")]
    assert net.web.connections == 0


def test_a_record_in_several_strings_is_one_text(net: Internet) -> None:
    net.dns.add(PLACE, "TXT", f'"{LINE[:20]}" "{LINE[20:]}"')
    assert by_dns(net).outcome is FOUND


@pytest.mark.parametrize("text", ["", LINE[:-1], f"{LINE}x", LINE.upper(), f"x {LINE}", "\\255\\254"])
def test_anything_but_the_line_is_no_proof(net: Internet, text: str) -> None:
    net.dns.add(PLACE, "TXT", f'"{text}"')
    probe = by_dns(net)
    assert probe.outcome is MISSING
    assert PLACE in probe.detail


def test_a_record_elsewhere_is_no_proof(net: Internet) -> None:
    net.dns.add(HOST, "TXT", f'"{LINE}"')
    assert by_dns(net) == Probe(MISSING, f"There is no TXT record at {PLACE}.")


def test_a_name_server_that_fails_tells_nothing(net: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "SECONDS", 0.2)
    net.dns.failing = {PLACE}
    assert by_dns(net).outcome is UNREACHABLE
    net.dns.failing, net.dns.silent = set(), {PLACE}
    assert by_dns(net).outcome is UNREACHABLE
    assert by_dns(net).detail.startswith(f"The DNS was asked for {PLACE}, but it ")


# -- in a file ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [LINE, f"{LINE}\n", f"\ufeff{LINE}\r\n", f"# whose this is\n\n  {LINE}  \nvorbehalt-domain=domain_x"],
)
def test_a_line_in_the_file_is_found(net: Internet, text: str) -> None:
    net.web.files[HOST] = text
    assert by_file(net) == Probe(FOUND)
    (request,) = net.web.requests
    assert request.startswith("GET /.well-known/vorbehalt-domain.txt HTTP/1.1\r\n")
    assert f"Host: {HOST}:{net.web.port}\r\n" in request
    assert "User-Agent: vorbehalt/" in request


def test_names_beyond_ascii_are_asked_for_in_punycode(net: Internet) -> None:
    net.web.files["xn--bcher-kva.example"] = LINE
    assert by_file(net, "xn--bcher-kva.example").outcome is FOUND


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (http("200 OK", "nothing here"), MISSING, "not in it"),
        (http("200 OK", b"\xff\xfe\x00"), MISSING, "not in it"),
        (http("404 Not Found", LINE), MISSING, "status 404"),
        (http("403 Forbidden", LINE), MISSING, "status 403"),
        (http("204 No Content"), MISSING, "status 204"),
        (http("200 OK", f"{LINE}\n" + "x" * 9_000), MISSING, "longer than"),
        (http("500 Oops", LINE), UNREACHABLE, "status 500"),
        (http("429 Slow down", LINE), UNREACHABLE, "status 429"),
        (b"", UNREACHABLE, "does not speak HTTP"),
        (b"SSH-2.0-OpenSSH\r\n", UNREACHABLE, "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\ncut off", UNREACHABLE, "broke off"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", UNREACHABLE, "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000, UNREACHABLE, "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", UNREACHABLE, "does not speak HTTP"),
    ],
)
def test_any_other_answer_is_no_proof(net: Internet, answer: bytes, outcome: Outcome, words: str) -> None:
    def talk(connection: ssl.SSLSocket) -> None:
        read_request(connection)
        connection.sendall(answer)

    net.web.talk = talk
    probe = by_file(net)
    assert probe.outcome is outcome
    assert words in probe.detail


def test_a_chunked_answer_is_read(net: Internet) -> None:
    def talk(connection: ssl.SSLSocket) -> None:
        read_request(connection)
        body = f"{len(LINE):x}\r\n{LINE}\r\n0\r\n\r\n"
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body.encode())

    net.web.talk = talk
    assert by_file(net).outcome is FOUND


@pytest.mark.parametrize(
    "to",
    ["https://evil.example/line", "http://169.254.169.254/latest/meta-data/", f"https://{HOST}/elsewhere"],
)
def test_no_redirect_is_followed(net: Internet, to: str) -> None:
    def talk(connection: ssl.SSLSocket) -> None:
        read_request(connection)
        connection.sendall(http("302 Found", LINE, f"Location: {to}"))

    net.web.talk = talk
    probe = by_file(net)
    assert probe.outcome is MISSING
    assert to in probe.detail
    assert net.web.connections == 1


def test_an_endless_answer_is_cut_off(net: Internet) -> None:
    def talk(connection: ssl.SSLSocket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 16_384)

    net.web.talk = talk
    assert by_file(net).outcome is MISSING


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_dripping_bytes_do_not_hold_us_beyond_the_deadline(
    net: Internet, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    """Each byte comes in time; all of them would take an hour."""
    monkeypatch.setattr(fetching, "SECONDS", 0.4)

    def talk(connection: ssl.SSLSocket) -> None:
        read_request(connection)
        connection.sendall(begun)
        for _ in range(200):
            connection.sendall(b"x")
            time.sleep(0.02)

    net.web.talk = talk
    assert by_file(net).outcome is UNREACHABLE


def test_a_port_that_says_nothing_does_not_hold_us(net: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 0.3)
    net.web.talk = lambda connection: time.sleep(0.6)
    assert by_file(net).outcome is UNREACHABLE


# -- whom we talk to ----------------------------------------------------------------------------------------
def test_a_host_must_have_its_own_certificate(net: Internet) -> None:
    net.dns.add("other.example", "A", HERE)
    net.web.files["other.example"] = LINE
    probe = by_file(net, "other.example")
    assert probe.outcome is UNREACHABLE
    assert "no valid certificate" in probe.detail
    assert net.web.requests == []


def test_an_expired_certificate_is_none() -> None:
    with internet(HOST, expired=True) as net:
        net.web.files[HOST] = LINE
        assert by_file(net).outcome is UNREACHABLE


def test_a_certificate_that_nobody_vouches_for_is_none(net: Internet) -> None:
    net.web.files[HOST] = LINE
    strangers = Prober(net.prober.names, net.prober.may_connect, port=net.web.port)
    assert strangers.probe(HOST, Method.FILE, LINE).outcome is UNREACHABLE


def test_a_host_without_an_address_is_unreachable(net: Internet) -> None:
    probe = by_file(net, "nobody.example")
    assert probe == Probe(UNREACHABLE, "The DNS has no address for nobody.example.")


def test_a_closed_port_is_unreachable(net: Internet) -> None:
    closed = Prober(net.prober.names, net.prober.may_connect, net.prober.context, port=1)
    assert closed.probe(HOST, Method.FILE, LINE).outcome is UNREACHABLE


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("A", "127.0.0.1"),
        ("A", "10.1.2.3"),
        ("A", "169.254.169.254"),
        ("A", "192.168.0.1"),
        ("AAAA", "::1"),
        ("AAAA", "fd00::1"),
        ("AAAA", "::ffff:127.0.0.1"),
        ("AAAA", "64:ff9b::7f00:1"),
    ],
)
def test_nothing_but_the_open_internet_is_connected_to(net: Internet, kind: str, address: str) -> None:
    """As the registry itself looks: this machine, which the other tests are allowed to reach, is refused as well."""
    net.dns.records = {(HOST, kind): [address]}
    net.web.files[HOST] = LINE
    real = Prober(net.prober.names, context=net.prober.context, port=net.web.port)
    probe = real.probe(HOST, Method.FILE, LINE)
    assert probe.outcome is UNREACHABLE
    assert "not on the public internet" in probe.detail
    assert net.web.connections == 0


def test_one_private_address_among_public_ones_refuses_the_host(net: Internet) -> None:
    """Else a second address in the answer would be the way in."""
    net.dns.add(HOST, "A", "8.8.8.8", HERE)
    real = Prober(net.prober.names, context=net.prober.context, port=net.web.port)
    assert "not on the public internet" in real.probe(HOST, Method.FILE, LINE).detail
    assert net.web.connections == 0


def test_a_name_that_changes_its_mind_is_asked_once(net: Internet) -> None:
    """The address that was checked is the one that is connected to (DNS rebinding)."""
    checked: list[str] = []

    def note(address: str) -> bool:
        checked.append(address)
        return True

    net.web.files[HOST] = LINE
    net.dns.answer_twice[HOST] = [HERE, "10.0.0.1"]
    prober = Prober(net.prober.names, note, net.prober.context, net.web.port)
    assert prober.probe(HOST, Method.FILE, LINE).outcome is FOUND
    assert checked == [HERE]
    assert [kind for name, kind in net.dns.asked if name == HOST] == ["A", "AAAA"]
    net.dns.answer_twice.clear()


def test_proxies_of_the_environment_are_not_used(net: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    net.web.files[HOST] = LINE
    assert by_file(net).outcome is FOUND


def test_without_a_name_server_nothing_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "SECONDS", 0.2)
    with internet(HOST) as gone:
        port = gone.dns.port
    probe = Prober(Names([HERE], port)).probe(HOST, Method.DNS, LINE)
    assert probe.outcome is UNREACHABLE


# -- public addresses ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_the_open_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:10.0.0.1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:808:808::1",
        "2001:20::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%1",
        "ff02::1",
    ],
)
def test_everything_else_is_not(address: str) -> None:
    assert not is_public(address)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_whatever_is_private_by_any_reading_is_not_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_public(str(address)):
        assert not address.is_private
        assert not address.is_link_local
        assert not address.is_multicast
        assert getattr(address, "ipv4_mapped", None) is None
