"""A registered classifier behind MLflow's own server on loopback: the same answers, hostile bodies, many clients, a container."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from PIL import Image
from tests.serve.conftest import CLASSIFIER

from darkroom import files
from darkroom.__main__ import main
from darkroom.data.store import open_store
from darkroom.tracking import sender, spool

pytestmark = pytest.mark.long

CLIENTS, REQUESTS = 8, 200
NAME = "digits"
DEEP = b'{"inputs": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"


def body(*images: bytes) -> bytes:
    return json.dumps({"inputs": [base64.b64encode(image).decode() for image in images]}).encode()


def bomb(side: int) -> bytes:
    """Return a small file of a large black image."""
    stream = io.BytesIO()
    Image.new("1", (side, side)).save(stream, "PNG")
    return stream.getvalue()


HOSTILE = {
    "nothing": b"",
    "broken": b"{",
    "null": b"null",
    "list": b"[]",
    "other keys": b'{"x": 1}',
    "two forms": b'{"inputs": [], "instances": []}',
    "no images": b'{"inputs": []}',
    "no base64": b'{"inputs": ["%%%"]}',
    "null image": b'{"inputs": [null]}',
    "number": b'{"inputs": [5]}',
    "ragged": b'{"inputs": [[[1, 2], [3]]]}',
    "out of range": b'{"inputs": [[[256]]]}',
    "NaN": b'{"inputs": [[[NaN]]]}',
    "surrogate": b'{"inputs": ["\\ud800"]}',
    "path as view": b'{"inputs": ["AA=="], "params": {"view": "../../etc/passwd"}}',
    "no UTF-8": b"\xff\xfe\xfd",
    "no image": body(b"hello"),
    "cut JPEG": body(b"\xff\xd8\xff\xe0\x00\x10JFIF"),
    "too many pixels": body(bomb(20_000)),
    "deep": b'{"inputs": ' + b"[" * 900 + b"]" * 900 + b"}",
}


@pytest.fixture(scope="module")
def registered(packaged: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a registry with a version, sent there by the sender."""
    place = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv(spool.URI, f"sqlite:///{place}/results/mlflow.db")
        patch.setattr(spool, "_start_sender", lambda folder: None)
        patch.setattr(sender, "PAUSE", 0.05)
        out = packaged("classifier")
        header = {"stage": "serve package", "dataset": "set", "tags": {"model": NAME}, "job": str(out), "spec": {}}
        with spool.Run({**header, "inputs": {"results": str(out.parents[1])}}) as run:
            run({})
        sender.main(spool.SPOOL)
        yield os.environ[spool.URI]


@pytest.fixture(scope="module")
def ask(registered: str) -> Iterator[Callable[..., tuple[int, bytes]]]:
    """Post a body to the server of the champion, and return the code and the answer."""
    with server(f"models:/{NAME}@champion", [sys.executable, "-m", "mlflow"], {spool.URI: registered}) as post:
        yield post


@contextmanager
def server(model: str, command: list[str], environment: dict[str, str]) -> Iterator[Callable[..., tuple[int, bytes]]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | environment
    own["PATH"] = os.pathsep.join([str(Path(command[0]).parent), own["PATH"]])
    words = ["models", "serve", "-m", model, "--env-manager", "local", "-h", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen([*command, *words], env=own, start_new_session=True, cwd="/")

    def post(body: bytes, kind: str = "application/json") -> tuple[int, bytes]:
        address, headers = f"http://127.0.0.1:{port}/invocations", {"Content-Type": kind}
        try:
            with urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5)
                break
            except OSError:
                assert process.poll() is None, "the server ended"
                time.sleep(0.5)
        yield post
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def images(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of test images as files."""
    folder, store = tmp_path_factory.mktemp("images"), open_store(digits)
    for number, row in enumerate(store.rows("test")[:20]):
        Image.fromarray(store.samples[row, :, :, 0]).save(folder / f"{number:02}.png")
    return folder


def check(post: Callable[..., tuple[int, bytes]], images: Path, results: Path, out: Path) -> None:
    """Compare the server's answers with the table of `darkroom classify predict`."""
    words = ["--model", str(results / CLASSIFIER), "--samples", str(images), "--out", str(out)]
    assert main(["classify", "predict", *words]) == 0
    with (out / "predictions.csv").open() as stream:
        expected = list(csv.DictReader(stream))
    for row in expected:
        code, answer = post(body((images / row["file"]).read_bytes()))
        assert code == 200
        [found] = json.loads(answer)["predictions"]
        assert ["file", *found] == list(row)
        for name, value in found.items():
            if isinstance(value, float):
                assert value == pytest.approx(float(row[name]), abs=1e-5)
            elif isinstance(value, list | bool):
                assert value == json.loads(row[name])
            else:
                assert (value or "") == row[name]


def test_the_champion_answers_as_predict_does(
    ask: Callable[..., tuple[int, bytes]], images: Path, results: Path, tmp_path: Path
) -> None:
    check(ask, images, results, tmp_path / "out")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_refused_and_the_server_goes_on(
    ask: Callable[..., tuple[int, bytes]], images: Path, name: str
) -> None:
    code, _ = ask(HOSTILE[name])
    assert 400 <= code < 500
    assert ask(body((images / "00.png").read_bytes()))[0] == 200


def test_other_types_are_refused_and_deep_json_does_not_stop_the_server(
    ask: Callable[..., tuple[int, bytes]], images: Path
) -> None:
    assert ask(b"<a/>", "text/xml")[0] == 415
    assert ask(DEEP)[0] >= 400  # MLflow's own parser answers 500
    assert ask(body((images / "00.png").read_bytes()))[0] == 200


def test_many_clients_get_their_own_answers(ask: Callable[..., tuple[int, bytes]], images: Path) -> None:
    paths = sorted(images.iterdir())
    alone = [json.loads(ask(body(path.read_bytes()))[1])["predictions"] for path in paths]

    def one(number: int) -> tuple[int, Any, int]:
        code, answer = ask(body(paths[number % len(paths)].read_bytes()))
        return code, json.loads(answer).get("predictions"), number % len(paths)

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(one, range(REQUESTS)))
    assert [code for code, _, _ in answers] == [200] * REQUESTS
    assert all(answer == alone[place] for _, answer, place in answers)


@pytest.mark.skipif(shutil.which("uv") is None, reason="needs uv")
def test_an_environment_of_its_requirements_alone_serves_it(
    packaged: Callable[[str], Path], images: Path, results: Path, tmp_path: Path
) -> None:
    model, python = packaged("classifier") / "model", tmp_path / "venv/bin/python"
    subprocess.run(["uv", "venv", "-q", "--python", sys.executable, tmp_path / "venv"], check=True)
    subprocess.run(["uv", "pip", "install", "-q", "--python", python, "-r", model / "requirements.txt"], check=True)
    assert subprocess.run([python, "-I", "-c", "import darkroom"], capture_output=True, check=False).returncode
    with server(str(model), [str(python), "-m", "mlflow"], {"VIRTUAL_ENV": str(tmp_path / "venv")}) as post:
        check(post, images, results, tmp_path / "out")


def test_a_container_copies_the_version_and_installs_its_requirements(registered: str, tmp_path: Path) -> None:
    words = ["models", "generate-dockerfile", "-m", f"models:/{NAME}@champion", "-d", str(tmp_path / "container")]
    own = os.environ | {spool.URI: registered}
    command = [sys.executable, "-m", "mlflow", *words, "--env-manager", "local"]
    subprocess.run(command, check=True, env=own, capture_output=True)
    lines = (tmp_path / "container/Dockerfile").read_text().splitlines()
    assert next(line for line in lines if line.startswith("FROM")).startswith("FROM python:3.")
    assert "COPY model_dir /opt/ml/model" in lines
    [install] = [line for line in lines if "_install_pyfunc_deps('/opt/ml/model'" in line]
    assert "env_manager='local'" in install
    assert re.search(r"ENTRYPOINT .*_serve\('local'\)", lines[-1] or lines[-2])
    copied = tmp_path / "container/model_dir"
    for name in ("MLmodel", "requirements.txt", "python_env.yaml", "data/model/weights.pt", "code/darkroom/files.py"):
        assert (copied / name).is_file(), name
    version = MlflowClient(registered).get_model_version_by_alias(NAME, "champion")
    assert files.sha256(copied / "data/model/weights.pt") == version.tags["weights"]
