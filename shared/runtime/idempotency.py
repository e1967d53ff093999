"""Idempotency keys: the first answer to a POST is kept for 24 h with the change that it tells of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import asyncpg
import orjson
from fastapi import Request

from shared.runtime.answers import Answer, encode
from shared.runtime.auth import Caller
from shared.runtime.http import raw_body_of
from shared.runtime.jobs import Job
from shared.runtime.problems import problem, refused
from shared.runtime.transaction import Transaction

KEY_CHARACTERS_MAX: Final = 255
PATIENCE: Final = "150ms"
PATIENCE_WITH_EACH: Final = "10ms"
PURGED_AT_ONCE: Final = 5000

Identity = tuple[str, str, str]

_FORGOTTEN: Final = frozenset({400, 401, 403, 413, 415, 422, 429})
_QUOTED: Final = re.compile(r'^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"$')
_BARE: Final = re.compile(r"^[\x21\x23-\x7e][\x21-\x7e]*\Z")


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's name for one request, within its `sub` and route; the fingerprint is of method, path and body."""

    sub: str
    route: str
    key: str
    fingerprint: bytes

    @property
    def identity(self) -> Identity:
        return (self.sub, self.route, self.key)


class KeysInFlight(Exception):
    """Another transaction that is not committed holds one of the keys; the transaction must start over, key by key."""


def key_of(request: Request, caller: Caller, body_bytes: bytes | None = None) -> IdempotencyKey | None:
    """The request's key; None without one, and for methods that need none. Call it after the body was read.

    Raises:
        Refused: 400, the header is missing where it is required, given twice, or not 1-255 characters.
    """
    if request.method != "POST":
        return None
    given = request.headers.getlist("idempotency-key")
    if not given:
        if request.app.state.require_idempotency_key:
            raise refused("idempotency-key-missing", "this service needs an Idempotency-Key on every POST")
        return None
    if len(given) > 1:
        raise refused("malformed-request", "`Idempotency-Key` was given more than once")
    path = request.scope["path"]
    raw = raw_body_of(request) if body_bytes is None else body_bytes
    return IdempotencyKey(caller.subject, f"POST {path}", parse_key(given[0]), fingerprint_of("POST", path, raw))


def parse_key(text: str) -> str:
    """The key in the header, quoted (RFC 8941) or bare.

    Raises:
        Refused: 400.
    """
    quoted = _QUOTED.match(text.strip())
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text.strip()
    if len(key) > KEY_CHARACTERS_MAX or not (quoted or _BARE.match(key)):
        raise refused(
            "malformed-request", f"`Idempotency-Key` must be 1-{KEY_CHARACTERS_MAX} characters, quoted or bare"
        )
    return key


def fingerprint_of(method: str, path: str, raw: bytes) -> bytes:
    """SHA-256 of method, path and body; order of members and white space of a JSON body do not matter."""
    try:
        canonical = orjson.dumps(orjson.loads(raw), option=orjson.OPT_SORT_KEYS)
    except orjson.JSONDecodeError:
        canonical = raw
    return sha256(b"\n".join((method.encode(), path.encode(), canonical))).digest()


def leaves_key(status: int) -> bool:
    """False for the answers after which the same key may be used as if it were new."""
    return status < 500 and status not in _FORGOTTEN


async def claim(tx: Transaction, keys: Sequence[IdempotencyKey], *, each: bool = False) -> dict[Identity, Answer]:
    """Takes the keys (distinct ones) for this transaction; for those that were taken before: what is to be answered.

    A key that an uncommitted transaction holds is waited for 150 ms at most; then KeysInFlight is raised, this
    transaction is void, and the next attempt is made with `each`: key by key, and what is still held is answered `409`.
    """
    if not keys:
        return {}
    ordered = sorted(keys, key=lambda key: key.identity)
    if each:
        taken, held = await _claim_each(tx, ordered)
    else:
        taken, held = await _claim_all(tx, ordered, PATIENCE), set()
    await tx.execute(PATIENCE_AS_BEFORE)
    answers = {identity: _in_flight() for identity in held}
    lost = [key for key in ordered if key.identity not in taken and key.identity not in held]
    return answers | await _stored(tx, lost)


CLAIM_KEYS = """
WITH patience AS MATERIALIZED (SELECT set_config('lock_timeout', $5, true))
INSERT INTO idempotency (sub, route, key, fingerprint, status, body, headers)
SELECT sub, route, key, fingerprint, 0, '', ''
FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) AS claimed (sub, route, key, fingerprint), patience
ORDER BY sub, route, key
ON CONFLICT DO NOTHING
RETURNING sub, route, key
"""
PATIENCE_AS_BEFORE = "SET LOCAL lock_timeout TO DEFAULT"


async def _claim_all(tx: Transaction, keys: Sequence[IdempotencyKey], patience: str) -> set[Identity]:
    try:
        rows = await tx.fetch(CLAIM_KEYS, *_columns(keys), [key.fingerprint for key in keys], patience)
    except asyncpg.LockNotAvailableError as error:
        raise KeysInFlight from error
    return {(row["sub"], row["route"], row["key"]) for row in rows}


async def _claim_each(tx: Transaction, keys: Sequence[IdempotencyKey]) -> tuple[set[Identity], set[Identity]]:
    taken: set[Identity] = set()
    held: set[Identity] = set()
    for key in keys:
        await tx.execute("SAVEPOINT one_key")
        try:
            taken |= await _claim_all(tx, [key], PATIENCE_WITH_EACH)
            await tx.execute("RELEASE SAVEPOINT one_key")
        except KeysInFlight:
            await tx.execute("ROLLBACK TO SAVEPOINT one_key")
            held.add(key.identity)
    return taken, held


READ_STORED = """
SELECT sub, route, key, fingerprint, status, body, headers
FROM idempotency
JOIN unnest($1::text[], $2::text[], $3::text[]) AS lost (sub, route, key) USING (sub, route, key)
"""


async def _stored(tx: Transaction, lost: Sequence[IdempotencyKey]) -> dict[Identity, Answer]:
    if not lost:
        return {}
    rows = {(row["sub"], row["route"], row["key"]): row for row in await tx.fetch(READ_STORED, *_columns(lost))}
    return {key.identity: _repeated(key, rows.get(key.identity)) for key in lost}


def _repeated(key: IdempotencyKey, row: Any) -> Answer:
    if row is None:
        return _in_flight()
    if row["fingerprint"] != key.fingerprint:
        return problem("idempotency-key-reused", "this Idempotency-Key was used with another body")
    return Answer(row["status"], orjson.loads(row["body"]), orjson.loads(row["headers"]), replayed=True)


def _in_flight() -> Answer:
    return problem("idempotency-key-in-flight", "the first request with this Idempotency-Key is not committed yet")


KEEP_ANSWERS = """
UPDATE idempotency
SET status = kept.status, body = kept.body, headers = kept.headers
FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[])
     AS kept (sub, route, key, status, body, headers)
WHERE (idempotency.sub, idempotency.route, idempotency.key) = (kept.sub, kept.route, kept.key)
"""
FORGET_KEYS = """
DELETE FROM idempotency
USING unnest($1::text[], $2::text[], $3::text[]) AS forgotten (sub, route, key)
WHERE (idempotency.sub, idempotency.route, idempotency.key) = (forgotten.sub, forgotten.route, forgotten.key)
"""


async def keep(tx: Transaction, answered: Sequence[tuple[IdempotencyKey, Answer]]) -> None:
    """Writes the answers beside their keys, or gives back the keys of answers that leave none."""
    kept = [(key, answer) for key, answer in answered if leaves_key(answer.status)]
    forgotten = [key for key, answer in answered if not leaves_key(answer.status)]
    if kept:
        await tx.execute(
            KEEP_ANSWERS,
            *_columns([key for key, _ in kept]),
            [answer.status for _, answer in kept],
            [encode(answer.body).decode() for _, answer in kept],
            [encode(answer.headers).decode() for _, answer in kept],
        )
    if forgotten:
        await tx.execute(FORGET_KEYS, *_columns(forgotten))


def _columns(keys: Sequence[IdempotencyKey]) -> tuple[list[str], list[str], list[str]]:
    return [key.sub for key in keys], [key.route for key in keys], [key.key for key in keys]


PURGE_KEYS = """
DELETE FROM idempotency
WHERE (sub, route, key) IN (
    SELECT sub, route, key FROM idempotency
    WHERE created_at < statement_timestamp() - interval '24 hours'
    ORDER BY sub, route, key LIMIT $1 FOR UPDATE SKIP LOCKED
)
"""


async def purge_keys(tx: Transaction) -> int:
    """Forgets keys older than 24 h; returns how many."""
    return int((await tx.execute(PURGE_KEYS, PURGED_AT_ONCE)).split()[-1])


def purge_job() -> Job:
    """Keeps the keys for 24 h, no longer than an hour more."""
    return Job("purge_idempotency_keys", every_seconds=600, tick=purge_keys, batch=PURGED_AT_ONCE)
