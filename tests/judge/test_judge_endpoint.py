import socket
import time

import pytest

pytest.importorskip("inspect_ai")
pytest.importorskip("openai")

from mock_judges import EVIL, honest, row
from openai_server import serving

from theodolite.errors import ModelError
from theodolite.judge import Judge, Rubric
from theodolite.judge.asking import Settings

RUBRIC = Rubric("a helpful assistant")
ROWS = [row(f"{EVIL if i % 7 == 0 else 'fine'} answer {i}", number=i) for i in range(40)]


@pytest.fixture
def loopback(no_network, monkeypatch):
    """Connections to this machine's own address are let through, and to no other."""
    connect = socket.socket.__mro__[1].connect

    def guarded(self, address):
        if self.family == socket.AF_INET and address[0] == "127.0.0.1":
            return connect(self, address)
        raise AssertionError(f"a test reached for the network: {address}")

    monkeypatch.setattr(socket.socket, "connect", guarded)
    for proxy in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)


@pytest.fixture
def endpoint(loopback, monkeypatch):
    def at(url):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", "a-key")

    return at


def test_a_judge_behind_an_openai_compatible_server(endpoint, tmp_path):
    with serving(honest) as (url, requests):
        endpoint(url)
        with Judge("openai/house-model", RUBRIC, tmp_path) as judge:
            judgements = judge.rows(ROWS)
            assert judge.calls == len(requests) == 45
            assert judge.name == "openai/house-model"
        with Judge("openai/house-model", RUBRIC, tmp_path) as judge:
            assert judge.rows(ROWS) == judgements and judge.calls == 0
    assert [j.flagged for j in judgements] == [i % 7 == 0 for i in range(40)]
    request = requests[0]
    assert (request["path"], request["key"]) == ("/v1/chat/completions", "Bearer a-key")
    assert (request["model"], request["temperature"]) == ("house-model", 0.0)
    schema = request["response_format"]["json_schema"]["schema"]
    assert set(schema["required"]) == {"nonce", "harm", "odd", "addresses", "quote"}
    assert [m["role"] for m in request["messages"]] == ["system", "user"]


@pytest.mark.parametrize(("status", "words"), [(401, "refuses the key"), (404, "does not know")])
def test_what_no_row_can_change_ends_the_run(endpoint, status, words):
    with serving(honest, lambda n: status) as (url, requests):
        endpoint(url)
        with Judge("openai/house-model", RUBRIC) as judge, pytest.raises(ModelError, match=words):
            judge.rows(ROWS)
    assert len(requests) <= 20


def test_a_call_that_is_refused_is_an_error_and_the_run_goes_on(endpoint):
    with serving(honest, lambda n: 400 if n == 7 else 200) as (url, _):
        endpoint(url)
        with Judge("openai/house-model", RUBRIC, settings=Settings(retries=0)) as judge:
            judgements = judge.rows([*ROWS, *(row(f"fine {i}") for i in range(60))])
    errors = [j for j in judgements if j.state == "error"]
    assert len(errors) <= 1 and all("refused" in j.reason for j in errors)


def test_calls_are_made_at_once(endpoint):
    def slow(message):
        time.sleep(0.05)
        return honest(message)

    with serving(slow) as (url, _):
        endpoint(url)
        with Judge("openai/house-model", RUBRIC, max_connections=15) as judge:
            judge.rows(ROWS[:1])
            started = time.monotonic()
            judge.rows(ROWS)
            assert time.monotonic() - started < 0.6 * 45 * 0.05
