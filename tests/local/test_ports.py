import socket
from collections.abc import Iterator

import pytest
from runtally_cli.local import ports


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((ports.LOOPBACK, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_somebody_listens_on_is_not_free(taken: int) -> None:
    assert not ports.is_free(taken)
    assert ports.answers(taken)


def test_a_port_bound_without_listening_is_not_free() -> None:
    with socket.socket() as holder:
        holder.bind((ports.LOOPBACK, 0))
        assert not ports.is_free(holder.getsockname()[1])


def test_a_picked_port_is_free() -> None:
    port = ports.pick_free()

    assert ports.is_free(port)
    assert not ports.answers(port)
    ports.require_free(port, "RUNTALLY_API_PORT")


def test_the_sentence_names_the_port_and_the_way_out(taken: int) -> None:
    with pytest.raises(ports.PortInUse) as refusal:
        ports.require_free(taken, "RUNTALLY_API_PORT")

    assert str(refusal.value) == f"port {taken} is in use; set RUNTALLY_API_PORT to another"


def test_a_port_that_somebody_is_about_to_use_is_not_picked(monkeypatch: pytest.MonkeyPatch) -> None:
    given = iter((5000, 5000, 5001))
    monkeypatch.setattr(socket.socket, "getsockname", lambda _: (ports.LOOPBACK, next(given)))
    assert ports.pick_free(besides=5000) == 5001
