from pathlib import Path

import pytest
from backends.kafka_exchange import consume, produce
from runtally_cli.local import ports
from runtally_cli.local.broker import Broker
from runtally_cli.local.ports import PortInUse
from runtally_cli.local.tansu import TansuBroker


def test_records_come_back_and_a_group_goes_on_where_it_committed(tmp_path: Path) -> None:
    broker: Broker = TansuBroker(tmp_path, ports.pick_free())
    with broker:
        produce(broker.bootstrap, "runs", [b"1", b"2", b"3"])

        assert consume(broker.bootstrap, "runs", 2, "tally") == [b"1", b"2"]
        assert consume(broker.bootstrap, "runs", 1, "tally") == [b"3"]


def test_each_start_is_a_cluster_of_its_own(tmp_path: Path) -> None:
    broker = TansuBroker(tmp_path, ports.pick_free())
    with broker:
        first = broker.cluster_id
        assert broker.pid is not None
    assert broker.pid is None
    with broker:
        assert broker.cluster_id != first


def test_a_second_one_on_the_port_is_refused_with_the_variable(tmp_path: Path) -> None:
    with TansuBroker(tmp_path / "one", ports.pick_free()) as first:
        port = int(first.bootstrap.split(":")[1])
        second = TansuBroker(tmp_path / "two", port, port_variable="RUNTALLY_BROKER_PORT")

        with pytest.raises(PortInUse, match=rf"^port {port} is in use; set RUNTALLY_BROKER_PORT to another$"):
            second.start()

        assert second.pid is None
