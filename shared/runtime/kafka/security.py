"""How a client proves to Kafka who it is, and Kafka to the client: TLS with SASL/SCRAM, or nothing at all."""

import ssl
from typing import Any, Final

MECHANISM: Final = "SCRAM-SHA-512"


def security_for(ca_file: str | None, username: str | None, password: str | None) -> dict[str, Any]:
    """The client library's settings; empty for a broker that asks for nothing.

    A password is never sent without TLS. Without `ca_file` the system's certificates are trusted.
    """
    if ca_file is None and username is None:
        return {}
    security: dict[str, Any] = {"ssl_context": ssl.create_default_context(cafile=ca_file)}
    if username is None:
        return {**security, "security_protocol": "SSL"}
    return {
        **security,
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": MECHANISM,
        "sasl_plain_username": username,
        "sasl_plain_password": password,
    }
