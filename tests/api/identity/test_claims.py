"""What claims mean, and that the documentation's tables say the same."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
from runtally_api.identity.caller import Caller
from runtally_api.identity.claims import ClaimNames, InvalidClaims, caller_of
from runtally_api.identity.permissions import GRANTED, Permission, Role
from runtally_api.identity.settings import IdentitySettings

ACCESS: Final = (Path(__file__).parents[3] / "docs/access.md").read_text()


def _caller(**claims: Any) -> Caller:
    return caller_of({"sub": "ann", **claims}, ClaimNames())


def test_a_token_that_names_no_workspace_sees_none() -> None:
    assert _caller(role="owner").workspaces == frozenset()
    assert _caller(workspaces=[]).workspaces == frozenset()
    assert _caller(workspaceId=None, workspaces=None).workspaces == frozenset()


def test_workspaces_add_up_and_all_of_them_is_a_star() -> None:
    assert _caller(workspaceId="acme").workspaces == frozenset({"acme"})
    assert _caller(workspaceId="acme", workspaces=["beta", "acme"]).workspaces == frozenset({"acme", "beta"})
    assert _caller(workspaces="beta").workspaces == frozenset({"beta"})
    assert _caller(workspaces=["*"]).workspaces is None
    assert _caller(workspaceId="*").workspaces is None


def test_roles_grant_the_matrix_and_unknown_ones_nothing() -> None:
    for role in Role:
        assert _caller(role=role.value).permissions == GRANTED[role]
    assert _caller(role="root").permissions == frozenset()
    assert _caller(role=["viewer", "root"]).permissions == GRANTED[Role.VIEWER]
    assert _caller().permissions == frozenset()


def test_permissions_narrow_a_role_and_stand_alone_without_one() -> None:
    assert _caller(role="viewer", permissions=["erase_data", "view_analytics"]).permissions == {"view_analytics"}
    assert _caller(role="owner", permissions=[]).permissions == frozenset()
    assert _caller(role="root", permissions=["erase_data"]).permissions == frozenset()
    assert _caller(permissions=["ingest_runs", "fly"]).permissions == {"ingest_runs"}


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": ""},
        {"sub": "x" * 257},
        {"workspaces": {"acme": True}},
        {"workspaces": [""]},
        {"workspaces": [None]},
        {"workspaceId": 7},
        {"workspaces": ["w"] * 1001},
        {"role": {"owner": 1}},
        {"permissions": "erase_data" * 100},
    ],
)
def test_claims_of_another_shape_are_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidClaims):
        _caller(**claims)


def test_claims_may_have_other_names() -> None:
    names = ClaimNames.of(
        IdentitySettings(
            auth_claim_subject="oid",
            auth_claim_email="mail",
            auth_claim_workspace="tenant",
            auth_claim_workspaces="https://example.com/tenants",
            auth_claim_role="roles",
            auth_claim_permissions="scp",
        )
    )
    claims = {"oid": "7", "mail": "a@b", "tenant": "acme", "https://example.com/tenants": ["beta"], "roles": ["viewer"]}
    caller = caller_of({**claims, "sub": "other", "scp": ["view_analytics"]}, names)
    assert caller == Caller("7", "a@b", frozenset({Permission.VIEW_ANALYTICS}), frozenset({"acme", "beta"}))


def test_the_documented_matrix_is_the_one_in_force() -> None:
    header = re.search(r"^\| Permission \| (.+) \| For \|$", ACCESS, re.MULTILINE)
    assert header
    roles = [Role(name) for name in header[1].split(" | ")]
    assert set(roles) == set(Role)
    written = {row[0]: row[1].split(" | ") for row in re.findall(r"^\| `(\w+)` \| ((?:(?:yes|no) \| )+)", ACCESS, re.M)}
    wanted = {
        permission.value: [("yes" if permission in GRANTED[role] else "no") for role in roles]
        for permission in Permission
    }
    assert {name: [cell.strip(" |") for cell in cells if cell.strip(" |")] for name, cells in written.items()} == wanted


def test_the_documented_claims_are_those_that_are_read() -> None:
    defaults = IdentitySettings()
    for name in ("subject", "email", "workspace", "workspaces", "role", "permissions"):
        field = f"auth_claim_{name}"
        assert f"| `{getattr(defaults, field)}` | `RUNTALLY_{field.upper()}` |" in ACCESS
        assert getattr(ClaimNames(), name) == getattr(defaults, field)
