"""Carriers: which numbers are theirs, and where a parcel is followed."""

import pytest

from shared.contracts.carriers import CARRIERS, carrier_of, link_to

NUMBERS = {
    "dhl": ("00340434161094042557", "JJD0003900123456789", "RR123456785DE", "123456789"),
    "dpd": ("01234567890123", "01234567890123K", "0123456789012"),
    "fedex": ("123456789012", "123456789012345", "1234567890123"),
    "gls": ("12345678901", "ZFFY9QPE", "1234567890"),
    "ups": ("1Z999AA10123456784", "1z 999 AA1 01 2345 6784", "1Z999AA1012345678"),
}


def test_every_carrier_has_examples() -> None:
    assert NUMBERS.keys() == CARRIERS.keys()


@pytest.mark.parametrize("carrier", NUMBERS)
def test_a_carriers_numbers_have_a_link_and_others_have_none(carrier: str) -> None:
    *own, other = NUMBERS[carrier]
    for number in own:
        link = link_to(carrier.upper(), number)
        assert link is not None and link.startswith("https://") and number.replace(" ", "") in link
    assert link_to(carrier, other) is None


def test_a_carrier_that_is_not_known_has_no_link() -> None:
    assert carrier_of("the van") is None
    assert link_to("the van", "123456789012") is None


def test_a_carrier_is_found_by_name_or_id() -> None:
    assert {carrier_of(known.name) for known in CARRIERS.values()} == set(CARRIERS.values())


@pytest.mark.parametrize("number", ["１２３４５６７８９０１２", "123456789012\n", "123456789012/../x"])
def test_nothing_but_a_number_gets_into_a_link(number: str) -> None:
    assert link_to("fedex", number) is None
