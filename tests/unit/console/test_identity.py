"""Who gets into the console, and what their role may."""

import pytest

from console.identity import ROLES, SESSION_TOKEN_CHARACTERS_MAX, Door, NotLetIn
from shared.runtime.auth import SCOPES, Tokens, make_token

SECRET = "console-tests-0123456789abcdef0123456789"
DOOR = Door(Tokens(SECRET), SECRET)


async def test_a_token_is_its_subject_with_its_scopes() -> None:
    person = await DOOR.person(make_token(SECRET, "ines", ("orders:read",)))

    assert person.name == "ines"
    assert [scope for scope in SCOPES if person.may(scope)] == ["orders:read"]


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (make_token("another-secret-0123456789abcdef0123456789", "ines"), "not valid"),
        (make_token(SECRET, "ines", seconds=-3600), "expired"),
        (make_token(SECRET, "ines", seconds=-30), "expired"),
        (make_token(SECRET, "shop", customer_id="c-1"), "for staff"),
        ("x" * (SESSION_TOKEN_CHARACTERS_MAX + 1), "longer than"),
        ("", "not valid"),
    ],
    ids=["of another secret", "expired", "expired within the leeway", "a customer's", "too long", "empty"],
)
async def test_a_token_that_is_none_for_the_console_is_refused_with_the_reason(token: str, why: str) -> None:
    with pytest.raises(NotLetIn, match=why):
        await DOOR.person(token)


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_reads_everything_and_writes_what_it_is_for(role: str) -> None:
    person = await DOOR.person(DOOR.made_up(" ines ", role))
    writes = {scope for scope in SCOPES if not scope.endswith(":read") and person.may(scope)}

    assert person.name == "ines"
    assert all(person.may(scope) for scope in SCOPES if scope.endswith(":read"))
    assert (
        writes
        == {
            "viewer": set(),
            "orders": {"orders:write"},
            "warehouse": {"inventory:write", "fulfillment:write"},
            "production": {"bottling:write"},
            "operator": {scope for scope in SCOPES if not scope.endswith(":read")},
        }[role]
    )


@pytest.mark.parametrize(("name", "role"), [("", "viewer"), ("x" * 65, "viewer"), ("a\nb", "viewer"), ("ines", "king")])
def test_no_token_is_made_up_for_nobody_or_for_no_role(name: str, role: str) -> None:
    with pytest.raises(NotLetIn):
        DOOR.made_up(name, role)
