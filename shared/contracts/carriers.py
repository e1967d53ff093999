"""Carriers that Flacon knows: how long they take, how their tracking numbers look, and where a parcel is followed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Carrier:
    """`lead_days`: working days on the way, fewest and most; `numbers`: a pattern of whole tracking numbers, which
    `looks` tells in words; `link` has `{number}` where the tracking number goes."""

    carrier_id: str
    name: str
    lead_days: tuple[int, int]
    numbers: str
    looks: str
    link: str

    def has_number(self, tracking_number: str) -> bool:
        """True if it looks like one of this carrier's; blanks do not count."""
        return re.fullmatch(self.numbers, tracking_number.replace(" ", "").upper(), re.ASCII) is not None

    def link_to(self, tracking_number: str) -> str:
        return self.link.format(number=quote(tracking_number.replace(" ", ""), safe=""))


_ALL = (
    Carrier(
        "dhl",
        "DHL",
        (1, 3),
        r"\d{10,20}|JJD\d{16,18}|[A-Z]{2}\d{9}[A-Z]{2}",
        "10 to 20 digits, JJD and 16 to 18 digits, or two letters, nine digits and two letters",
        "https://www.dhl.com/global-en/home/tracking.html?tracking-id={number}",
    ),
    Carrier(
        "dpd",
        "DPD",
        (1, 3),
        r"\d{14}[0-9A-Z]?",
        "14 digits, perhaps with a check character",
        "https://tracking.dpd.de/status/en_US/parcel/{number}",
    ),
    Carrier(
        "fedex",
        "FedEx",
        (1, 4),
        r"\d{12}|\d{15}|\d{20}|\d{22}",
        "12, 15, 20 or 22 digits",
        "https://www.fedex.com/fedextrack/?trknbr={number}",
    ),
    Carrier(
        "gls",
        "GLS",
        (1, 3),
        r"\d{11,12}|[0-9A-Z]{8}",
        "11 or 12 digits, or 8 letters and digits",
        "https://gls-group.com/track/{number}",
    ),
    Carrier(
        "ups",
        "UPS",
        (1, 4),
        r"1Z[0-9A-Z]{16}",
        "1Z and 16 letters and digits",
        "https://www.ups.com/track?tracknum={number}",
    ),
)
CARRIERS: Final[Mapping[str, Carrier]] = MappingProxyType({carrier.carrier_id: carrier for carrier in _ALL})
"""By id; a parcel may also go with one that is not among them."""


def carrier_of(name: str) -> Carrier | None:
    """The carrier of that id or name, however it is written."""
    return CARRIERS.get(name.strip().lower())


def link_to(carrier: str, tracking_number: str) -> str | None:
    """Where the parcel is followed; None for a carrier that is not known or a number that is none of its own."""
    known = carrier_of(carrier)
    return known.link_to(tracking_number) if known is not None and known.has_number(tracking_number) else None
