"""What an administrator asks of brokers and the client library cannot: many rights at once, and logins (SCRAM)."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from shared.contracts.rights import Right

ANY: Final = 1
SHA_512: Final = 2
SCRAM_ITERATIONS: Final = 8192
_KINDS: Final = {"topic": 2, "group": 3}
_PATTERNS: Final = {False: 3, True: 4}
_OPERATIONS: Final = {"read": 3, "write": 4}
_ALLOW: Final = 3

Entry = tuple[int, str, int, str, str, int, int]
"""Resource kind and name, pattern, principal, host, operation, permission: a right as the protocol has it."""


class Refused(Exception):
    """The brokers refused; the message says why."""


def entry_of(right: Right) -> Entry:
    """Reading and writing a topic include describing it."""
    pattern, operation = _PATTERNS[right.prefixed], _OPERATIONS[right.operation]
    return (_KINDS[right.kind], right.name, pattern, f"User:{right.principal}", "*", operation, _ALLOW)


async def rights_given(admin: AIOKafkaAdminClient) -> set[Entry]:
    """Every right that anybody has."""
    answer = await admin._send_request(DescribeAclsRequest(ANY, None, ANY, None, None, ANY, ANY))
    told = answer.to_object()
    _check([told])
    return {
        (
            resource["resource_type"],
            resource["resource_name"],
            resource["resource_pattern_type"],
            acl["principal"],
            acl["host"],
            acl["operation"],
            acl["permission_type"],
        )
        for resource in told["resources"]
        for acl in resource["acls"]
    }


async def give(admin: AIOKafkaAdminClient, entries: Sequence[Entry]) -> None:
    """Gives these rights; raises Refused."""
    _check((await admin._send_request(_Create(entries))).to_object()["creation_responses"])


async def take(admin: AIOKafkaAdminClient, entries: Sequence[Entry]) -> None:
    """Takes these rights; raises Refused."""
    _check((await admin._send_request(_Delete(entries))).to_object()["filter_responses"])


async def set_passwords(admin: AIOKafkaAdminClient, passwords: Mapping[str, str]) -> None:
    """Lets each principal log in with its password from now on, and no other; raises Refused."""
    salts = {principal: secrets.token_bytes(32) for principal in passwords}
    logins: list[tuple[str, int, int, bytes, bytes, dict[int, bytes]]] = [
        (principal, SHA_512, SCRAM_ITERATIONS, salts[principal], _salted(password, salts[principal]), {})
        for principal, password in passwords.items()
    ]
    _check((await admin._send_request(_SetLogins(logins))).to_object()["results"])


def _salted(password: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt, SCRAM_ITERATIONS)


def _check(answers: Sequence[Any]) -> None:
    for answer in answers:
        if answer["error_code"]:
            raise Refused(answer["error_message"] or for_code(answer["error_code"]).__name__)


class _Create(CreateAclsRequest):  # type: ignore[misc]
    """Many at once; the library's own request takes one."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = list(entries)

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._entries)


class _Delete(DeleteAclsRequest):  # type: ignore[misc]
    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = list(entries)

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._entries)


class _LoginsSet(Response):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _SetLoginsStruct(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = _LoginsSet
    SCHEMA = Schema(
        ("deletions", CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields))),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _SetLogins(Request[_SetLoginsStruct]):  # type: ignore[misc]
    API_KEY = 51

    def __init__(self, logins: Sequence[tuple[str, int, int, bytes, bytes, dict[int, bytes]]]) -> None:
        self._logins = list(logins)

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class([], self._logins, {})
