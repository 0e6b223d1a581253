import socket

import pytest


def test_the_suite_cannot_reach_the_network():
    with socket.socket() as connection, pytest.raises(AssertionError, match="network"):
        connection.connect(("192.0.2.1", 80))
