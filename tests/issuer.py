"""An issuer of tokens on a loopback port: discovery document, keys that rotate, and the tokens it signs."""

import hmac
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "flacon"


class Issuer:
    """`keys` are those it tells about; `asked` counts requests by path."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.private: dict[str, tuple[Any, str]] = {}
        self.asked: dict[str, int] = {}
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.url = ""

    def add(self, id: str, algorithm: str = "ES256", bits: int = 2048) -> None:
        """A new key, told from now on."""
        private, public = _pair(algorithm, bits)
        self.private[id] = (private, algorithm)
        self.keys.append({**public, "kid": id, "use": "sig", "alg": algorithm})

    def drop(self, id: str) -> None:
        """Tells no more about a key."""
        self.keys = [key for key in self.keys if key["kid"] != id]

    def token(self, id: str, *, type: str = "at+jwt", without: tuple[str, ...] = (), **claims: Any) -> str:
        """An access token that is good but for what is given."""
        now = int(time.time())
        told = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "somebody",
            "client_id": "a-client",
            "jti": "t-1",
            "iat": now,
            "exp": now + 300,
            "scope": "orders:read",
            **claims,
        }
        private, algorithm = self.private[id]
        kept = {name: value for name, value in told.items() if name not in without}
        return jwt.encode(kept, private, algorithm, headers={"kid": id, "typ": type})

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        self.asked[path] = self.asked.get(path, 0) + 1
        if path in self.answers:
            return self.answers[path]
        if path == "/keys":
            return 200, {}, json.dumps({"keys": self.keys}).encode()
        if path == "/.well-known/openid-configuration":
            return 200, {}, json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"}).encode()
        return 404, {}, b""


def _pair(algorithm: str, bits: int) -> tuple[Any, dict[str, Any]]:
    if algorithm.startswith(("RS", "PS")):
        weak = rsa.generate_private_key(65537, bits)
        return weak, RSAAlgorithm.to_jwk(weak.public_key(), as_dict=True)
    if algorithm == "EdDSA":
        edwards = ed25519.Ed25519PrivateKey.generate()
        return edwards, OKPAlgorithm.to_jwk(edwards.public_key(), as_dict=True)
    curve = ec.generate_private_key(ec.SECP256R1())
    return curve, ECAlgorithm.to_jwk(curve.public_key(), as_dict=True)


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token with no signature at all."""
    return ".".join([*(_encoded(json.dumps(part).encode()) for part in (header, claims)), ""])


def signed_by_text(secret: bytes, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token whose HMAC is made with any bytes, also those of a public key, which no library would take."""
    text = unsigned(header, claims).removesuffix(".")
    return f"{text}.{_encoded(hmac.digest(secret, text.encode(), 'sha256'))}"


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@contextmanager
def issuing() -> Iterator[Issuer]:
    """The issuer, answering until the end of the block."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, content = issuer.answer(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
