"""An issuer of tokens, for an installation that has none of its own.

`issuer.py serve FOLDER` tells its public key over https (OIDC discovery and JWKS); `issuer.py token FOLDER --subject
ines --scope orders:read` prints an access token (RFC 9068). Tokens are made inside its container only, by whoever may
run a command there; the key that signs them is in FOLDER, which no other container sees.
"""

import argparse
import hashlib
import json
import os
import ssl
import sys
import time
import uuid
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm

ALGORITHM: Final = "ES256"
PORT: Final = 8443
URL: Final = os.environ.get("ISSUER_URL", f"https://issuer:{PORT}")
"""`iss` of its tokens, which is also where its keys are."""
AUDIENCE: Final = "flacon"
SECONDS_MAX: Final = 24 * 3600
ALL: Final = (
    *(
        f"{service}:{right}"
        for service in ("orders", "inventory", "bottling", "fulfillment")
        for right in ("read", "write")
    ),
    "operations",
)


def signing_key(folder: Path) -> EllipticCurvePrivateKey:
    key = load_pem_private_key((folder / "tokens.key").read_bytes(), password=None)
    assert isinstance(key, EllipticCurvePrivateKey), "tokens.key is an elliptic curve's"
    return key


def public_key(key: EllipticCurvePrivateKey) -> dict[str, Any]:
    """As JWK; its id is its thumbprint (RFC 7638), so another key has another one."""
    told = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    named = json.dumps({name: told[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"), sort_keys=True)
    return {**told, "kid": hashlib.sha256(named.encode()).hexdigest()[:16], "use": "sig", "alg": ALGORITHM}


def token(key: EllipticCurvePrivateKey, subject: str, scopes: Sequence[str], seconds: int, customer: str | None) -> str:
    """An access token; with a customer it sees that customer's orders only."""
    now = int(time.time())
    claims = {
        "iss": URL,
        "aud": AUDIENCE,
        "sub": subject,
        "client_id": "issuer",
        "jti": str(uuid.uuid4()),
        "iat": now,
        "exp": now + seconds,
        "scope": " ".join(scopes),
        **({} if customer is None else {"customer_id": customer}),
    }
    return jwt.encode(claims, key, ALGORITHM, headers={"kid": public_key(key)["kid"], "typ": "at+jwt"})


def serve(folder: Path, host: str, port: int) -> None:
    """Until it is ended."""
    keys = {"keys": [public_key(signing_key(folder))]}
    discovery = {"issuer": URL, "jwks_uri": f"{URL}/jwks", "id_token_signing_alg_values_supported": [ALGORITHM]}
    pages = {"/jwks": keys, "/.well-known/openid-configuration": discovery}

    class Pages(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            found = pages.get(self.path)
            body = json.dumps({"error": "not found"} if found is None else found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer((host, port), Pages)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "issuer.crt", folder / "issuer.key")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


def _scopes(text: str) -> tuple[str, ...]:
    scopes = ALL if text == "all" else tuple(text.replace(",", " ").split())
    if unknown := sorted(set(scopes) - set(ALL)):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(ALL)}, or all")
    return scopes


def _seconds(text: str) -> int:
    seconds = int(text)
    if not 1 <= seconds <= SECONDS_MAX:
        raise argparse.ArgumentTypeError(f"must be 1 to {SECONDS_MAX}")
    return seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 2 wrong usage, 3 no keys in the folder."""
    parser = argparse.ArgumentParser(prog="issuer.py", description="Issues tokens, and tells the key that checks them.")
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="tell the public key over https")
    serving.add_argument("--host", default="127.0.0.1")
    serving.add_argument("--port", type=int, default=PORT)
    making = commands.add_parser("token", help="print an access token")
    making.add_argument("--subject", required=True, help="who; the actor in ledgers, histories and logs")
    making.add_argument("--scope", type=_scopes, required=True, help="scopes with commas, or all")
    making.add_argument("--customer-id", help="limits the token to this customer's orders")
    making.add_argument("--seconds", type=_seconds, default=3600, help="how long it is good (3600)")
    for command in (serving, making):
        command.add_argument("folder", type=Path, help="where tokens.key is")
    options = parser.parse_args(arguments)
    try:
        if options.command == "serve":
            serve(options.folder, options.host, options.port)
        else:
            key = signing_key(options.folder)
            print(token(key, options.subject, options.scope, options.seconds, options.customer_id))
    except OSError as error:
        print(f"issuer: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
