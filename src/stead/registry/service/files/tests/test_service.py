import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest
import uvicorn

from service import application, default_model
from service.cli import main

BIRD = {
    "species": "Gentoo", "sex": "male", "flipper_length_mm": 220,
    "bill_length_mm": 49.5, "bill_depth_mm": 15.7,
}  # fmt: skip


class Client:
    """Asks a server; an answer is its status and what its JSON holds."""

    def __init__(self, address):
        self.address = address

    def get(self, path):
        return self._ask(urllib.request.Request(self.address + path))

    def post(self, path, body):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return self._ask(urllib.request.Request(self.address + path, content, headers))

    def _ask(self, request):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, json.load(refusal)


@pytest.fixture(scope="module")
def client():
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application(default_model()), log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield Client(f"http://127.0.0.1:{listener.getsockname()[1]}")
    server.should_exit = True
    thread.join()
    listener.close()


def test_it_says_that_it_is_well(client):
    assert client.get("/health") == (200, {"status": "ok", "target": "body_mass_g"})


def test_it_predicts_each_record(client):
    status, answer = client.post("/predict", {"records": [BIRD, {**BIRD, "sex": "female"}]})
    assert (status, answer["target"]) == (200, "body_mass_g")
    male, female = answer["predictions"]
    assert 4800 < male["low"] < male["value"] < male["high"] < 6500
    assert female["value"] < male["value"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "records: "),
        ({"records": []}, "records: "),
        ({"records": [{**BIRD, "species": "Emperor"}]}, "records.0.species: "),
        ({"records": [{**BIRD, "flipper_length_mm": "long"}]}, "records.0.flipper_length_mm: "),
        ({"records": [{**BIRD, "colour": "black"}]}, "records.0.colour: "),
        ({"records": [BIRD] * 1001}, "records: "),
        (b"{", ""),
    ],
)
def test_a_bad_request_is_one_error_that_names_the_expected_inputs(client, body, where):
    status, answer = client.post("/predict", body)
    assert status == 422
    assert answer["error"].startswith(where)
    assert "species: one of Adelie, Chinstrap, Gentoo" in answer["expected"]


def test_a_request_that_is_too_large_is_refused(client):
    status, answer = client.post("/predict", b" " * 1_000_001)
    assert status == 413
    assert "sex: one of female, male" in answer["expected"]


def test_its_description_names_the_inputs(client):
    _, description = client.get("/openapi.json")
    record = description["components"]["schemas"]["Record"]
    assert record["required"] == list(BIRD)
    assert record["properties"]["sex"]["enum"] == ["female", "male"]
    assert client.get("/model")[1]["rows"] == 333


def test_a_model_is_trained_kept_and_used(tmp_path, capsys):
    kept = str(tmp_path / "model.json")
    assert main(["train", "--out", kept]) == 0
    assert main(["predict", "--model", kept, json.dumps(BIRD)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["target"] == "body_mass_g"
    assert answer["low"] < answer["value"] < answer["high"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "{"],
        ["predict", "[]"],
        ["predict", "{}"],
        ["predict", "--model", "absent.json", "{}"],
        ["run", "--port", "http"],
        ["run", "--port", "99999"],
        ["run", "--data", "absent.csv", "--target", "y"],
        ["run", "--data", "absent.csv"],
    ],
)
def test_bad_input_is_one_line_that_says_what_is_expected(arguments, capsys):
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("service: ")
    assert "Expected: " in line


def test_the_command_serves_on_the_port_it_is_given_and_says_nothing_else():
    server = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "run"],
        env={**os.environ, "PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = server.stdout.readline().strip()
        status, answer = Client(address).post("/predict", {"records": [BIRD]})
        assert (status, answer["target"]) == (200, "body_mass_g")
    finally:
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=30)
    assert (out, err) == ("", "")
