"""One thread, no network, a cache of its own: what every test may rely on."""

import os
import socket

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Any connection but to this machine's own sockets fails the test."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family == socket.AF_UNIX:
            return connect(self, address)
        raise AssertionError(f"a test reached for the network: {address}")

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Organisms made by a test stay in the test's own folder."""
    monkeypatch.setenv("THEODOLITE_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
