"""deploy/nginx/registry.conf, run by a real nginx in front of a small server that says what reached it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.requirements import missing

CONF = Path(__file__).parents[3] / "deploy/nginx/registry.conf"
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
PRIVATE = {"Cache-Control": "private, max-age=31536000, immutable"}


@dataclass
class Site:
    """A running nginx, and what the registry behind it was asked."""

    port: int
    certificate: Path
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def request(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        """Ask as a client on the internet would."""
        with urllib3.HTTPSConnectionPool(
            "127.0.0.1",
            self.port,
            ca_certs=str(self.certificate),
            server_hostname="registry.example",
            retries=False,
        ) as pool:
            headers = {"Host": "registry.example", **options.pop("headers", {})}
            return pool.request(method, path, headers=headers, **options)


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of the test's own for registry.example."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("registry.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / "fullchain.pem", folder / "privkey.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return chain, secret


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _main_conf(folder: Path, site: str) -> Path:
    """What Debian's nginx.conf is around a site, with everything in this folder."""
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""  # else its workers could not reach this folder
    conf.write_text(
        f"{user} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{ worker_connections 64; }}\nhttp {{ access_log off;\n{temporary}{site}\n}}\n"
    )
    return conf


def _adapted(folder: Path, upstream: int, port: int) -> str:
    """The configuration as it ships, with this test's ports, folders and certificate."""
    chain, secret = _certificate(folder)
    text = CONF.read_text("utf-8")
    for ours, here in {
        "listen 80;": f"listen 127.0.0.1:{_free_port()};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        "listen [::]:80;": "",
        "listen [::]:443 ssl http2;": "",
        "127.0.0.1:8080": f"127.0.0.1:{upstream}",
        "/etc/letsencrypt/live/registry.example/fullchain.pem": str(chain),
        "/etc/letsencrypt/live/registry.example/privkey.pem": str(secret),
        "/var/cache/nginx-vorbehalt": str(folder / "cache"),
    }.items():
        assert ours in text, ours
        text = text.replace(ours, here)
    return text


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running nginx before a server that answers with how often it was asked."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin")
    if program is None:
        missing("nginx", "apt-get install nginx-light")
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    port = _free_port()
    found = Site(port, folder / "fullchain.pem")

    class Upstream(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.dumps(len(found.asked)).encode()
            self.send_response(200)
            licence = "/licences/" in self.path
            cached = FOREVER if self.path.startswith(("/v1/snapshot", "/v1/log/tile")) else {}
            for name, value in (
                (PRIVATE if licence else cached) | {"Content-Length": str(len(body))}
            ).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Be silent."""

    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    conf = _main_conf(folder, _adapted(folder, upstream.server_address[1], port))
    tested = subprocess.run(
        [program, "-t", "-c", conf, "-p", folder], capture_output=True, text=True, check=False
    )
    assert tested.returncode == 0, tested.stderr
    nginx = subprocess.Popen([program, "-c", conf, "-p", folder], stderr=subprocess.DEVNULL)
    try:
        _await(port)
        yield found
    finally:
        nginx.terminate()
        nginx.wait(timeout=30)
        upstream.shutdown()
        upstream.server_close()


def _await(port: int) -> None:
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise AssertionError("nginx does not listen")


def test_published_files_and_tiles_are_asked_for_once(site: Site) -> None:
    """By everybody together; and nobody's key reaches the cache or comes out of it."""
    for path in (
        "/v1/snapshot/metadata/1.root.json",
        "/v1/snapshot/targets/lists/a.arrow",
        "/v1/log/tile/0/000",
    ):
        before = len(site.asked)
        answers = [
            site.request("GET", path, headers={"Authorization": f"Bearer {key}", "Cookie": key})
            for key in "ab"
        ]
        assert [a.headers["X-Cache"] for a in answers] == ["MISS", "HIT"]
        assert answers[0].data == answers[1].data
        ((_, headers),) = site.asked[before:]
        assert not {"authorization", "cookie"} & set(headers)
        assert headers["x-forwarded-proto"] == "https"


def test_a_licence_file_is_never_cached(site: Site) -> None:
    """It goes to its licensee, whose key decides each time."""
    before = len(site.asked)
    for key in "ab":
        answer = site.request(
            "GET", "/v1/snapshot/targets/licences/x.json", headers={"Authorization": f"Bearer {key}"}
        )
        assert "X-Cache" not in answer.headers
    assert [headers["authorization"] for _, headers in site.asked[before:]] == ["Bearer a", "Bearer b"]


def test_what_a_client_says_about_itself_is_replaced(site: Site) -> None:
    """Or the registry would count a guesser's attempts for an address that he chose."""
    lies = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example"}
    site.request("GET", "/v1/works", headers=lies)
    _, headers = site.asked[-1]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-host"] == headers["host"] == "registry.example"


def test_passwords_cannot_be_tried_fast(site: Site) -> None:
    """Twenty at once, then ten a minute; other addresses go on."""
    statuses = [site.request("POST", "/v1/keys", body=b"{}").status for _ in range(40)]
    assert statuses.count(200) <= 25
    assert statuses[-1] == 429
    assert site.request("GET", "/v1/works").status == 200


def test_limits_and_headers(site: Site) -> None:
    """Too large a body is refused here; every answer asks for TLS from now on."""
    before = len(site.asked)
    with suppress(urllib3.exceptions.ProtocolError):  # nginx may close before all was sent
        assert site.request("POST", "/v1/works", body=b"x" * ((64 << 20) + 1)).status == 413
    assert len(site.asked) == before
    answer = site.request("GET", "/")
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    assert answer.headers["Server"] == "nginx", "no version"
