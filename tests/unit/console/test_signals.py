"""Open pages are told that something changed: once for however much, and never of what does not concern them."""

import asyncio

import pytest

from console.live.signals import LISTENERS_MAX, Signals

SECONDS_MAX = 10.0


async def test_a_thousand_changes_are_one_piece_of_news() -> None:
    signals = Signals()
    listener = signals.add(["orders"])
    for _ in range(1000):
        signals.mark(["orders", "order:7"])
    news = listener.news()

    async with asyncio.timeout(SECONDS_MAX):
        first = await anext(news)
        signals.end()
        rest = [one async for one in news]

    assert (first, rest) == (True, [])


async def test_a_page_is_told_again_when_it_has_been_quiet_for_the_services_to_have_acted() -> None:
    signals = Signals()
    listener = signals.add(["orders"])
    signals.mark(["orders"])
    news = listener.news(comment_seconds=0.01)

    async with asyncio.timeout(SECONDS_MAX):
        told = [await anext(news) for _ in range(4)]

    assert told == [True, True, True, False]


async def test_what_a_page_does_not_show_is_no_news_to_it() -> None:
    signals = Signals()
    listener = signals.add(["stock", "order:8"])
    signals.mark(["orders", "order:7"])

    async with asyncio.timeout(SECONDS_MAX):
        assert await anext(listener.news(comment_seconds=0.01)) is False


async def test_a_page_that_closed_is_forgotten() -> None:
    signals = Signals()
    listeners = [signals.add(["orders"]) for _ in range(LISTENERS_MAX)]
    assert signals.is_full

    for listener in listeners:
        signals.remove(listener)

    assert not signals.is_full
    assert signals._by_interest == {}


@pytest.mark.parametrize("late", [False, True])
async def test_pages_are_let_go_when_the_process_stops(late: bool) -> None:
    signals = Signals()
    listener = None if late else signals.add(["orders"])
    signals.end()
    listener = listener or signals.add(["orders"])

    async with asyncio.timeout(SECONDS_MAX):
        assert [one async for one in listener.news()] == []
