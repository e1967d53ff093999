"""The building: real units on shelf, bench and bottling line, and where each of them went; the oracle of the books."""

from collections import Counter
from collections.abc import Mapping

from tests.model.violation import require

PRODUCTS = ("amber", "cedar")
MATERIALS = ("flask",)
OPENING = 4


class Building:
    """Units by item; those of an order by (order, item), those of a batch by (batch, item)."""

    def __init__(self) -> None:
        self.shelf = Counter(dict.fromkeys((*PRODUCTS, *MATERIALS), OPENING))
        self.bench: Counter[tuple[str, str]] = Counter()
        self.line: Counter[tuple[str, str]] = Counter()
        self.left: Counter[tuple[str, str]] = Counter()
        self.arrived: Counter[str] = Counter()
        self.produced: Counter[tuple[str, str]] = Counter()
        self.scrapped: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.unseen: Counter[str] = Counter()

    def here(self, item_id: str) -> int:
        """Units that a count of shelf and bench finds."""
        return self.shelf[item_id] + sum(n for (_, item), n in self.bench.items() if item == item_id)

    def made(self, item_id: str) -> int:
        return sum(n for (_, item), n in self.produced.items() if item == item_id)

    def left_of(self, order_id: str) -> int:
        return sum(n for (order, _), n in self.left.items() if order == order_id)

    def left_in_all(self, item_id: str) -> int:
        return sum(n for (_, item), n in self.left.items() if item == item_id)

    # goods in, goods lost

    def receive(self, item_id: str, units: int) -> None:
        self.shelf[item_id] += units
        self.arrived[item_id] += units

    def make(self, batch_id: str, item_id: str, good: int) -> None:
        """The good units of a batch come to the shelf; telling it once more brings no more of them."""
        more = good - self.produced[batch_id, item_id]
        self.shelf[item_id] += more
        self.produced[batch_id, item_id] += more

    def lose(self, item_id: str, units: int) -> None:
        """Units vanish from the shelf, and nobody has told the books yet."""
        self.shelf[item_id] -= units
        self.lost[item_id] += units
        self.unseen[item_id] += units

    def scrap_from_shelf(self, item_id: str, units: int) -> None:
        self.shelf[item_id] -= units
        self.scrapped[item_id] += units

    # orders

    def pick(self, order_id: str, item_id: str, units: int) -> None:
        self.shelf[item_id] -= units
        self.bench[order_id, item_id] += units

    def scrap_from_bench(self, order_id: str, item_id: str, units: int) -> None:
        self.bench[order_id, item_id] -= units
        self.scrapped[item_id] += units

    def carry_off(self, order_id: str, contents: Mapping[str, int]) -> None:
        """A carrier takes units from the bench."""
        for item_id, units in contents.items():
            self.bench[order_id, item_id] -= units
            self.left[order_id, item_id] += units

    def clear_bench(self, order_id: str, picked: Mapping[str, int]) -> None:
        """What is not to be shipped any more goes back to the shelf."""
        for (order, item_id), units in list(self.bench.items()):
            if order == order_id:
                back = units - picked.get(item_id, 0)
                self.bench[order, item_id] -= back
                self.shelf[item_id] += back
                require(back >= 0, f"{picked[item_id]} {item_id} are said to be picked, the bench has {units}")

    # batches

    def use(self, batch_id: str, item_id: str, units: int) -> None:
        """So many units in all stand on the batch's line or went into its product; the rest goes back, more comes."""
        more = min(units - self.line[batch_id, item_id], self.shelf[item_id])
        self.shelf[item_id] -= more
        self.line[batch_id, item_id] += more

    def check(self) -> None:
        """Each unit is in exactly one place."""
        for item_id in (*PRODUCTS, *MATERIALS):
            used = sum(n for (_, item), n in self.line.items() if item == item_id)
            gone = self.scrapped[item_id] + self.lost[item_id]
            places = self.here(item_id) + used + self.left_in_all(item_id) + gone
            came = OPENING + self.arrived[item_id] + self.made(item_id)
            require(places == came and self.shelf[item_id] >= 0, f"{came} {item_id} came, {places} are somewhere")
        require(min(self.bench.values(), default=0) >= 0, "a bench has less than nothing")
