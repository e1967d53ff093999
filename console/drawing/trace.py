"""Where a lot came from and who got it, as a graph from left to right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

COLUMN: Final = 250
ROW: Final = 58
BOX_WIDTH: Final = 160
BOX_HEIGHT: Final = 42
EDGE: Final = 10
NEAR: Final = 26
"""Units stand where a wire begins, for many may end at one batch; before a parcel where it ends."""
BOXES_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Box:
    """One lot, batch or parcel."""

    x: float
    y: float
    title: str
    text: str
    kind: str
    link: str | None


@dataclass(frozen=True, slots=True)
class Trace:
    """The drawing; `wires` are SVG paths with the units that went along."""

    boxes: Sequence[Box]
    wires: Sequence[tuple[str, float, float, int]]
    width: float
    height: float
    left_out: int


Node = tuple[str, str]


class _Graph:
    """Nodes with what is written on them, and edges with units."""

    def __init__(self) -> None:
        self.nodes: dict[Node, tuple[str, str, str | None]] = {}
        self.edges: list[tuple[Node, Node, int]] = []

    def node(self, node: Node, title: str, text: str, link: str | None) -> Node:
        self.nodes.setdefault(node, (title, text, link))
        return node


def draw_trace(trace: Mapping[str, Any]) -> Trace:
    """Suppliers' lots and batches to the left of the lot, batches and parcels to the right of it."""
    graph = _Graph()
    lot = trace["lot"]
    graph.node(("lot", lot["lot_id"]), lot["lot_code"], lot["item_id"], None)
    _origins(graph, trace)
    _uses(graph, trace)
    return _laid_out(graph, ("lot", lot["lot_id"]))


def _lot(graph: _Graph, lot_id: str, item_id: str | None, supplier: str | None) -> Node:
    title = supplier or "…" + lot_id[-8:]
    return graph.node(("lot", lot_id), title, item_id or "lot", f"/stock/lots/{lot_id}")


def _batch(graph: _Graph, batch_id: str) -> Node:
    return graph.node(("batch", batch_id), "…" + batch_id[-8:], "batch", f"/production/batches/{batch_id}")


def _origins(graph: _Graph, trace: Mapping[str, Any]) -> None:
    """A batch that used lots made a lot: the traced one, or one that a later batch used."""
    lot = trace["lot"]
    if lot["batch_id"]:
        made = _batch(graph, lot["batch_id"])
        graph.edges.append((made, ("lot", lot["lot_id"]), 0))
    for one in trace["backward"]:
        used = _lot(graph, one["lot_id"], one["item_id"], one["supplier_lot"])
        graph.edges.append((used, _batch(graph, one["batch_id"]), one["quantity"]))


def _uses(graph: _Graph, trace: Mapping[str, Any]) -> None:
    for one in trace["forward"]:
        source = _lot(graph, one["lot_id"], None, None)
        if one["batch_id"]:
            graph.edges.append((source, _batch(graph, one["batch_id"]), one["quantity"]))
        else:
            parcel = graph.node(
                ("parcel", str(one["shipment_id"] or one["order_id"])),
                str(one["customer_id"] or "customer"),
                f"order …{str(one['order_id'])[-8:]}",
                f"/orders/{one['order_id']}",
            )
            graph.edges.append((source, parcel, one["quantity"]))


def _columns(graph: _Graph, middle: Node) -> dict[Node, int]:
    """Steps from the traced lot along the edges, to the left below 0; each node where it is met first."""
    columns, frontier = {middle: 0}, [middle]
    while frontier:
        following = []
        for source, target, _ in graph.edges:
            for known, other, step in ((source, target, 1), (target, source, -1)):
                if known in frontier and other not in columns and columns[known] * step >= 0:
                    columns[other] = columns[known] + step
                    following.append(other)
        frontier = following
    return {node: columns.get(node, 1 if node[0] == "parcel" else 0) for node in graph.nodes}


def _laid_out(graph: _Graph, middle: Node) -> Trace:
    columns = _columns(graph, middle)
    kept = list(graph.nodes)[:BOXES_MAX]
    first = min(columns[node] for node in kept)
    rows: dict[int, int] = {}
    places: dict[Node, tuple[float, float]] = {}
    for node in kept:
        column = columns[node] - first
        places[node] = (EDGE + column * COLUMN, EDGE + rows.get(column, 0) * ROW)
        rows[column] = rows.get(column, 0) + 1
    boxes = [
        Box(*places[node], *graph.nodes[node][:2], "here" if node == middle else node[0], graph.nodes[node][2])
        for node in kept
    ]
    wires = [
        _wire(places[a], places[b], units, at_end=b[0] == "parcel")
        for a, b, units in graph.edges
        if a in places and b in places
    ]
    width = 2 * EDGE + (max(rows) * COLUMN) + BOX_WIDTH
    height = 2 * EDGE + max(rows.values()) * ROW - (ROW - BOX_HEIGHT)
    return Trace(boxes, wires, width, height, len(graph.nodes) - len(kept))


def _wire(
    start: tuple[float, float], end: tuple[float, float], units: int, at_end: bool
) -> tuple[str, float, float, int]:
    x1, y1 = start[0] + BOX_WIDTH, start[1] + BOX_HEIGHT / 2
    x2, y2 = end[0], end[1] + BOX_HEIGHT / 2
    bend = (x2 - x1) / 2
    path = f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    return (path, x2 - NEAR, y2 - 3, units) if at_end else (path, x1 + NEAR, y1 - 3, units)
