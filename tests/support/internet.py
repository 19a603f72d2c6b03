"""A small internet on this machine: a name server that answers over UDP, and a web server with its own certificates."""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from registry.domains.names import Names
from registry.domains.probing import Prober

HERE = "127.0.0.1"


# -- names ---------------------------------------------------------------------------------------------------
@dataclass
class NameServer:
    """Answers from a table; a name that is not in it does not exist."""

    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """(name, type) -> values as in a zone file."""
    failing: set[str] = field(default_factory=set)
    """Names for which it answers SERVFAIL."""
    silent: set[str] = field(default_factory=set)
    """Names for which it answers nothing."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    answer_twice: dict[str, list[str]] = field(default_factory=dict)
    """Addresses that are given one after the other, whatever `records` says: a name that changes its mind."""
    port: int = 0

    def add(self, name: str, kind: str, *values: str) -> None:
        """Set the records of this name and type."""
        self.records[name, kind] = list(values)

    def remove(self, name: str, kind: str) -> None:
        """Forget them."""
        self.records.pop((name, kind), None)

    def answer(self, wire: bytes) -> bytes | None:
        """The response to a question, as it goes over the wire."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = str(question.name).rstrip("."), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        values = self.records.get((name, kind), [])
        if name in self.silent:
            return None
        if kind == "A" and self.answer_twice.get(name):
            values = [self.answer_twice[name].pop(0)]
        if name in self.failing:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif values:
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *values))
        elif not any(known == name for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()


@contextmanager
def name_server() -> Iterator[NameServer]:
    """A name server on a free port of this machine."""
    server = NameServer()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HERE, 0))
        server.port = sock.getsockname()[1]

        def run() -> None:
            while True:
                wire, client = sock.recvfrom(4096)
                if not wire:
                    return
                if (response := server.answer(wire)) is not None:
                    sock.sendto(response, client)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield server
        finally:
            sock.sendto(b"", (HERE, server.port))
            thread.join()


# -- hosts ---------------------------------------------------------------------------------------------------
Conversation = Callable[[ssl.SSLSocket], None]


@dataclass
class WebServer:
    """Answers every request on a connection with what the host has, as raw HTTP; or lets a test do the talking."""

    port: int
    ca: str
    """The certificate to trust, PEM."""
    files: dict[str, str] = field(default_factory=dict)
    """Well-known files by host."""
    talk: Conversation | None = None
    requests: list[str] = field(default_factory=list)
    connections: int = 0

    def serve(self, connection: ssl.SSLSocket) -> None:
        """One connection."""
        if self.talk is not None:
            self.talk(connection)
            return
        request = read_request(connection)
        self.requests.append(request)
        host = next(
            line.partition(": ")[2].partition(":")[0]
            for line in request.splitlines()
            if line.startswith("Host: ")
        )
        body = self.files.get(host)
        connection.sendall(http("200 OK", body) if body is not None else http("404 Not Found"))


def http(status: str, body: str | bytes = "", *headers: str) -> bytes:
    """A response."""
    data = body.encode() if isinstance(body, str) else body
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(data)}", *headers, "", ""))
    return head.encode() + data


def read_request(connection: ssl.SSLSocket) -> str:
    """The head of a request."""
    received = b""
    while b"\r\n\r\n" not in received and (part := connection.recv(4096)):
        received += part
    return received.decode()


@contextmanager
def web_server(*hosts: str, expired: bool = False) -> Iterator[WebServer]:
    """A web server on a free port of this machine, with a certificate for these hosts."""
    ca, chain = certificates(hosts, expired=expired)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    with socket.create_server((HERE, 0)) as listener:
        server = WebServer(listener.getsockname()[1], ca)
        stop = threading.Event()

        def converse(plain: socket.socket) -> None:
            with plain, suppress(OSError), context.wrap_socket(plain, server_side=True) as secure:
                server.serve(secure)

        def run() -> None:
            talks: list[threading.Thread] = []
            while True:
                plain, _ = listener.accept()
                if stop.is_set():
                    plain.close()
                    break
                server.connections += 1
                talks.append(threading.Thread(target=converse, args=(plain,)))
                talks[-1].start()
            for talk in talks:
                talk.join()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield server
        finally:
            stop.set()
            socket.create_connection((HERE, server.port)).close()
            thread.join()


def certificates(hosts: tuple[str, ...], *, expired: bool) -> tuple[str, Path]:
    """A certificate authority (PEM), and a file with the server's key and certificate."""
    now = datetime.now(UTC)
    begin, end = (now - timedelta(days=9), now + timedelta(days=-1 if expired else 1))
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    authority = (
        x509.CertificateBuilder()
        .subject_name(ca_name)
        .issuer_name(ca_name)
        .public_key(ca_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True
        )
        .sign(ca_key, hashes.SHA256())
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(ca_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(h) for h in hosts]), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    with tempfile.NamedTemporaryFile(suffix=".pem", delete=False) as file:
        file.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        file.write(certificate.public_bytes(pem))
    return authority.public_bytes(pem).decode(), Path(file.name)


@dataclass
class Internet:
    """Both, and a prober that knows no other world."""

    dns: NameServer
    web: WebServer
    prober: Prober


@contextmanager
def internet(*hosts: str, expired: bool = False) -> Iterator[Internet]:
    """An internet with these hosts, all at this machine's loopback address."""
    with name_server() as dns_server, web_server(*hosts, expired=expired) as web:
        for host in hosts:
            dns_server.add(host, "A", HERE)
        prober = Prober(
            names=Names([HERE], dns_server.port),
            may_connect=lambda address: address == HERE,
            context=ssl.create_default_context(cadata=web.ca),
            port=web.port,
        )
        yield Internet(dns_server, web, prober)
