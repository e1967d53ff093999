"""Where a parcel can be followed, by its carrier."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

LINKS: Final[Mapping[str, str]] = {
    "dhl": "https://www.dhl.com/global-en/home/tracking.html?tracking-id={}",
    "dpd": "https://tracking.dpd.de/parcelstatus?query={}",
    "fedex": "https://www.fedex.com/fedextrack/?trknbr={}",
    "gls": "https://gls-group.com/track/{}",
    "hermes": "https://www.myhermes.de/empfangen/sendungsverfolgung/sendungsinformation#{}",
    "laposte": "https://www.laposte.fr/outils/suivre-vos-envois?code={}",
    "postat": "https://www.post.at/s/sendungsdetails?snr={}",
    "postch": "https://service.post.ch/ekp-web/ui/entry/search/{}",
    "royalmail": "https://www.royalmail.com/track-your-item#/tracking-results/{}",
    "ups": "https://www.ups.com/track?tracknum={}",
    "usps": "https://tools.usps.com/go/TrackConfirmAction?tLabels={}",
}
"""By the carrier's name in small letters and digits."""


def tracking_link(carrier: str | None, tracking_number: str | None) -> str | None:
    """The page on a parcel; None for a carrier that is not known or a parcel without a number."""
    if not carrier or not tracking_number:
        return None
    pattern = LINKS.get("".join(letter for letter in carrier.casefold() if letter.isalnum()))
    return None if pattern is None else pattern.format(quote(tracking_number, safe=""))
