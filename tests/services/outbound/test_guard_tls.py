"""The guard over real TLS: the certificate must be the name's, though an address is dialled."""

import datetime as dt
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.store.outbound import Allowed, Place
from lathe.errors import Unanswered
from worker.outbound.guard import Guard

pytestmark = pytest.mark.anyio
NAME = "hooks.example"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def certificate(folder: Path) -> Path:
    """A self-signed one of `hooks.example`, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[int, Path, list[tuple[str | None, str]]]]:
    """Its port, its certificate, and (TLS name, Host) of each request."""
    file, seen = certificate(tmp_path), list[tuple[str | None, str]]()
    names: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append((names[-1], self.headers["host"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_port, file, seen
    server.shutdown()
    thread.join()
    server.server_close()


async def sent(url: str, file: Path | None) -> int:
    async def here(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    allowed = Allowed.parse(f"{NAME}, other.example")
    tls = None if file is None else ssl.create_default_context(cafile=str(file))
    async with Guard(allowed, silence_s=5, resolver=here, tls=tls) as guard:
        place = Place.checked(url, allowed, "url")
        async with guard.sent("POST", place, {}, b"{}") as response:
            return response.status_code


async def test_the_certificate_is_checked_against_the_name_and_the_name_is_sent(
    served: tuple[int, Path, list[tuple[str | None, str]]],
) -> None:
    port, file, seen = served
    assert await sent(f"https://{NAME}:{port}/", file) == 204
    assert seen == [(NAME, f"{NAME}:{port}")]


async def test_a_certificate_of_another_name_or_of_nobody_known_is_not_taken(
    served: tuple[int, Path, list[tuple[str | None, str]]],
) -> None:
    port, file, seen = served
    with pytest.raises(Unanswered, match=r"other\.example does not answer"):
        await sent(f"https://other.example:{port}/", file)
    with pytest.raises(Unanswered, match=r"hooks\.example does not answer"):
        await sent(f"https://{NAME}:{port}/", None)
    assert seen == []
