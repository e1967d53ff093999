"""Places one order over HTTP and prints every step of it as it happens, then its history; only the standard library.

Run it from the project's root while a stack is up, with a product that exists:
`python examples/follow_one_order.py ROSE-50`.
"""

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

AT_REST = ("confirmed", "processing", "backordered", "rejected", "fulfilled", "cancelled", "expired")
SECONDS = 60


def call(stack: dict[str, Any], path: str, body: dict[str, Any] | None = None) -> Any:
    """An open response of the order service; it is read line by line."""
    headers = {"Authorization": f"Bearer {stack['token']}", "Content-Type": "application/json"}
    raw = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(stack["services"]["order"] + path, raw, headers)
    return urllib.request.urlopen(request, timeout=SECONDS)


def main(stack: dict[str, Any], product: str) -> None:
    order = {
        "customer_id": "c-1",
        "items": [{"product_id": product, "quantity": 1}],
        "shipping_address": {"city": "Grasse"},
        "auto_confirm": True,
    }
    with call(stack, "/api/orders", order) as response:
        order_id = json.load(response)["order_id"]
    with call(stack, f"/api/orders/stream?order_id={order_id}") as stream:
        for line in stream:
            if line.startswith(b"data: "):
                step = json.loads(line.removeprefix(b"data: "))
                print(step["at"], step["status"], flush=True)
                if step["status"] in AT_REST:
                    break
    with call(stack, f"/api/orders/{order_id}/history") as response:
        for entry in json.load(response)["items"]:
            print(entry["at"], entry["service"], entry["event"], entry["to_status"], flush=True)


if __name__ == "__main__":
    main(json.loads(Path(".flacon/stack.json").read_text(encoding="utf-8")), sys.argv[1])
