"""The door of the console: sessions, forms of other sites, where one is sent, and services that do not answer."""

from collections.abc import AsyncIterator

import pytest
from httpx import ASGITransport, AsyncClient

from console.app import build
from console.entrance import own_path
from console.settings import ConsoleSettings
from shared.runtime.auth import SCOPES, make_token
from shared.runtime.settings import SettingsError, load_settings

SECRET = "console-tests-0123456789abcdef0123456789"
NOBODY = "http://127.0.0.1:1"
HERE = "http://127.0.0.1:8080"


def _settings(**given: object) -> ConsoleSettings:
    addresses = {f"{service}_url": NOBODY for service in ("order", "inventory", "bottling", "fulfillment")}
    return load_settings(ConsoleSettings, **{"kafka": "127.0.0.1:1", "jwt_secret": SECRET, **addresses, **given})


def _client(settings: ConsoleSettings) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app=build(settings)), base_url=HERE)


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    async with _client(_settings()) as client:
        yield client


def _session(scopes: tuple[str, ...] = SCOPES) -> dict[str, str]:
    return {"Cookie": "flacon_session=" + make_token(SECRET, "ines", scopes)}


async def test_who_is_not_signed_in_is_sent_to_the_door(client: AsyncClient) -> None:
    answer = await client.get("/?x=1")

    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2F%3Fx%3D1")
    assert (await client.get("/live?on=orders")).status_code == 401


async def test_a_token_opens_a_session_that_scripts_and_other_sites_cannot_use(client: AsyncClient) -> None:
    token = make_token(SECRET, "ines")

    answer = await client.post("/sign-in?next=/orders", data={"token": f"Bearer {token}\n"}, headers={"Origin": HERE})

    assert (answer.status_code, answer.headers["location"]) == (303, "/orders")
    cookie = answer.headers["set-cookie"]
    assert f"flacon_session={token};" in cookie
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}


async def test_over_tls_the_session_stays_there() -> None:
    async with _client(_settings(secure_cookies=True)) as client:
        form = {"token": make_token(SECRET, "ines")}
        answer = await client.post("/sign-in", data=form, headers={"Origin": HERE})

    assert "; Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil"}, {"Origin": "http://127.0.0.1:81"}, {"Origin": "null"}, {}], ids=str
)
async def test_a_form_of_another_site_is_refused(client: AsyncClient, headers: dict[str, str]) -> None:
    form = {"token": make_token(SECRET, "ines")}

    answer = await client.post("/sign-in", data=form, headers=headers)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_a_role_is_taken_in_development_only() -> None:
    form = {"name": "ines", "role": "operator"}
    async with _client(_settings()) as client:
        refused = await client.post("/sign-in", data=form, headers={"Origin": HERE})
        assert "by role" not in (await client.get("/sign-in")).text.lower()
    async with _client(_settings(dev_sign_in=True)) as client:
        let_in = await client.post("/sign-in", data=form, headers={"Origin": HERE})

        elsewhere = {"Host": "evil:8080", "Origin": "http://evil:8080"}
        abused = await client.post("/sign-in", data=form, headers=elsewhere)

    assert (refused.status_code, "set-cookie" in refused.headers) == (401, False)
    assert (abused.status_code, "set-cookie" in abused.headers) == (401, False)
    assert (let_in.status_code, "flacon_session=" in let_in.headers["set-cookie"]) == (303, True)


@pytest.mark.parametrize("text", ["//evil", "/\\evil", "http://evil", "evil", "", "/a\nb"])
def test_one_is_sent_on_to_pages_of_the_console_only(text: str) -> None:
    assert own_path(text) == "/"


def test_one_is_sent_on_with_what_one_asked() -> None:
    assert own_path("/orders?status=created") == "/orders?status=created"


async def test_the_overview_stands_while_no_service_answers(client: AsyncClient) -> None:
    answer = await client.get("/", headers=_session())

    assert answer.status_code == 200
    assert "Production cannot be shown" in answer.text
    assert "Figures cannot be shown" in answer.text


async def test_a_page_shows_the_views_of_the_persons_rights(client: AsyncClient) -> None:
    answer = await client.get("/", headers=_session(scopes=("inventory:read",)))

    assert [f'href="/{view}"' in answer.text.partition("<main")[0] for view in ("stock", "orders", "operations")] == [
        True,
        False,
        False,
    ]
    assert "Orders cannot be shown" in answer.text


async def test_nothing_of_a_page_may_come_from_elsewhere(client: AsyncClient) -> None:
    answer = await client.get("/", headers=_session())

    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert {part.split()[1] for part in policy.split("; ")} == {"'none'", "'self'"}
    assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in answer.text


async def test_an_address_that_is_none_says_so_in_the_persons_frame(client: AsyncClient) -> None:
    answer = await client.get("/nowhere", headers=_session())

    assert answer.status_code == 404
    assert "is no page of the console" in answer.text
    assert "Sign out" in answer.text


def test_settings_that_are_wrong_are_named_without_their_value() -> None:
    with pytest.raises(SettingsError, match=r"^CONSOLE_JWT_SECRET: must have 32 bytes or more$"):
        _settings(jwt_secret="short")
    with pytest.raises(SettingsError, match="CONSOLE_ORDER_URL"):
        _settings(order_url="orders.internal")
