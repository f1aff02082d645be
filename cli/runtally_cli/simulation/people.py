"""The people of a simulated workspace."""

from random import Random

from runtally_cli.simulation.fleet import Workspace

_FIRST_NAMES = """
amelia aiko bruno carla chidi dana elif emre freya goran hana ines ivan jonas kaito keiko lena liam mara mateo
mina nadia noah olga omar paula pedro quinn rosa ruben saki sofia tariq theo uma victor wanda yara yuki zoe
"""
_LAST_NAMES = """
abe almeida bauer berg brooks castro chen costa dietz endo fischer garcia haas hansen ito jansen kaya khan
kovacs lang lopez mori meyer novak okafor ortiz park petrov quist rossi sato silva tanaka
vargas vogel weber yilmaz
"""
_FIRST, _LAST = _FIRST_NAMES.split(), _LAST_NAMES.split()


def user_of(workspace: Workspace, rng: Random) -> str:
    """One of the workspace's people: a few use agents all day, most now and then."""
    number = int(workspace.users * rng.random() ** 2.2)
    rest, first = divmod(number, len(_FIRST))
    again, shift = divmod(rest, len(_LAST))
    name = f"{_FIRST[first]}.{_LAST[(first + shift) % len(_LAST)]}"
    return f"{name}{again + 1}" if again else name
