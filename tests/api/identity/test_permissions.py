"""What a role grants, and that a caller without a permission is told which one is missing."""

import asyncio

import pytest
from runtally_api.dependencies import requires
from runtally_api.identity.caller import ANYBODY, Caller
from runtally_api.identity.permissions import GRANTED, Permission, Role
from runtally_api.problems import Forbidden


def test_each_role_holds_what_the_one_below_it_holds() -> None:
    for lower, higher in ((Role.VIEWER, Role.MEMBER), (Role.MEMBER, Role.ADMIN), (Role.ADMIN, Role.OWNER)):
        assert GRANTED[lower] < GRANTED[higher]
    assert GRANTED[Role.OWNER] == frozenset(Permission)


def test_a_missing_permission_is_named() -> None:
    viewer = Caller("ann", "ann@example.com", GRANTED[Role.VIEWER], frozenset({"acme"}))
    asyncio.run(requires(Permission.VIEW_ANALYTICS)(viewer))
    asyncio.run(requires(Permission.ERASE_DATA)(ANYBODY))
    with pytest.raises(Forbidden, match="erase_data"):
        asyncio.run(requires(Permission.ERASE_DATA)(viewer))
