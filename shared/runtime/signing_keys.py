"""The issuer's public keys (JWKS), found by their address or by OIDC discovery, and asked for again as they rotate."""

import asyncio
import json
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPException
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlsplit

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""What an issuer may sign with: public keys only, so that nobody who can verify a token can make one."""
DISCOVERY: Final = "/.well-known/openid-configuration"
REFRESH_SECONDS: Final = 300.0
PAUSE_SECONDS: Final = 10.0
"""A token that names an unknown key may cause a request to the issuer, but not more often."""
FETCH_SECONDS: Final = 5.0
DOCUMENT_BYTES_MAX: Final = 256 * 1024
KEYS_MAX: Final = 100
RSA_BITS_MIN: Final = 2048

_log = structlog.get_logger()


class KeysUnavailable(Exception):
    """The issuer did not give keys that can be used; the message says why."""


class SigningKeys:
    """The keys that were given last; they stay valid while the issuer does not answer."""

    def __init__(
        self,
        issuer: str,
        url: str | None = None,
        *,
        ca_file: str | None = None,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        """`url`: where the keys are; without it the issuer's discovery document tells."""
        self._issuer = issuer
        self._url = url
        self._ca_file = ca_file
        self._pause_seconds = pause_seconds
        self.changed: Callable[[], None] = lambda: None
        self._keys: dict[str, jwt.PyJWK] = {}
        self._found: object = None
        self._asked_at = -pause_seconds
        self._asking = asyncio.Lock()

    @property
    def known(self) -> bool:
        """False until the issuer has answered once."""
        return bool(self._keys)

    def key(self, id: str) -> jwt.PyJWK | None:
        """The key of that `kid`."""
        return self._keys.get(id)

    async def run(self, stop: asyncio.Event) -> None:
        """Asks every five minutes until `stop`, and sooner while there are no keys."""
        while not stop.is_set():
            await self.refresh()
            with suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_SECONDS if self.known else self._pause_seconds):
                    await stop.wait()

    async def refresh(self) -> None:
        """Asks the issuer, unless somebody did a moment ago; a failure leaves the keys as they are."""
        async with self._asking:
            if time.monotonic() - self._asked_at < self._pause_seconds:
                return
            self._asked_at = time.monotonic()
            try:
                found = await asyncio.to_thread(self._fetch)
                keys = usable_keys(found)
            except KeysUnavailable as error:
                _log.warning("signing keys not renewed", issuer=self._issuer, reason=str(error))
                return
        if found != self._found:
            self._keys, self._found = keys, found
            self.changed()
            _log.info("signing keys renewed", issuer=self._issuer, keys=sorted(keys))

    def _fetch(self) -> Any:
        url = self._url or self._discovered()
        return self._document(url).get("keys")

    def _discovered(self) -> str:
        told = self._document(self._issuer.rstrip("/") + DISCOVERY)
        if told.get("issuer") != self._issuer:
            raise KeysUnavailable("the discovery document is of another issuer")
        url = told.get("jwks_uri")
        if not isinstance(url, str) or not is_safe_url(url):
            raise KeysUnavailable("the discovery document has no `jwks_uri` of https")
        return url

    def _document(self, url: str) -> Mapping[str, Any]:
        context = ssl.create_default_context(cafile=self._ca_file)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _NoRedirect())
        try:
            with opener.open(url, timeout=FETCH_SECONDS) as response:
                raw = response.read(DOCUMENT_BYTES_MAX + 1)
            if len(raw) > DOCUMENT_BYTES_MAX:
                raise KeysUnavailable(f"{url}: the document is too large")
            document = json.loads(raw)
        except (URLError, HTTPException, OSError, ValueError) as error:
            raise KeysUnavailable(f"{url}: {type(error).__name__}: {error}") from error
        if not isinstance(document, dict):
            raise KeysUnavailable(f"{url}: no JSON object")
        return document


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Keys come from where the settings say, from nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def is_safe_url(url: str) -> bool:
    """https, or http on this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1"))
    )


def usable_keys(found: Any) -> dict[str, jwt.PyJWK]:
    """The public signing keys of a JWKS by their `kid`; others are passed over.

    Raises:
        KeysUnavailable: there is none.
    """
    keys: dict[str, jwt.PyJWK] = {}
    for one in found[:KEYS_MAX] if isinstance(found, list) else ():
        key = _usable(one)
        if key is not None:
            keys[str(one["kid"])] = key
    if not keys:
        raise KeysUnavailable("no usable key among those given")
    return keys


def _usable(one: Any) -> jwt.PyJWK | None:
    if not isinstance(one, dict) or not isinstance(one.get("kid"), str) or one.get("use", "sig") != "sig":
        return None
    if one.get("kty") == "oct" or "d" in one:
        return None
    try:
        key = jwt.PyJWK.from_dict(one)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if key.algorithm_name not in ALGORITHMS:
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < RSA_BITS_MIN:
        return None
    return key
