"""A `python` for whole runs in tests that starts in a fraction of a second: it forks from one that has imported the libraries.

Every job is a process of its own and imports the project's code from the project's folder, as always; only the libraries that
nearly all jobs import, five seconds a job, are there already. `python -m MODULE` forks; any other call is passed on to the
interpreter. Tests that kill jobs use the interpreter itself: `Project(root)`.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

LIBRARIES = (
    *(
        "albumentations",
        "cv2",
        "matplotlib.backends.backend_agg",
        "matplotlib.figure",
        "numpy",
        "pandas",
        "pandas.io.parquet",
    ),
    *("pyarrow.parquet", "pydantic", "pytorch_lightning", "scipy.stats", "sklearn.datasets", "sklearn.linear_model"),
    *("snakemake.cli", "torch", "torchvision"),
)
SOCKET = "warm.socket"
CLIENT = """#!{python} -SE
import json, os, signal, socket, sys
if sys.argv[1:2] != ["-m"]:
    os.execv("{python}", ["{python}", *sys.argv[1:]])
server = socket.socket(socket.AF_UNIX)
server.connect("{socket}")
asked = json.dumps([sys.argv[2:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [len(asked).to_bytes(8, "big")], [0, 1, 2])
server.sendall(asked)
code = server.recv(8)
if not code:
    sys.exit("the warm python is gone")
code = int.from_bytes(code, "big", signed=True)
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


@contextlib.contextmanager
def warm(folder: Path) -> Iterator[Path]:
    """Start a server, and yield a `python` in a folder of its own."""
    client, place = folder / "bin/python", folder / SOCKET
    client.parent.mkdir(parents=True)
    client.write_text(CLIENT.format(python=sys.executable, socket=place))
    client.chmod(0o755)
    with subprocess.Popen([sys.executable, __file__, str(place)], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.read(1)  # until it listens
        try:
            yield client
        finally:
            server.kill()


def serve(place: str) -> list[str]:
    """Answer calls until killed; returns in each job, with what to run, its process made like a new one."""
    for library in LIBRARIES:
        importlib.import_module(library)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen(64)
    os.write(1, b"!")
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            return job(connection)
        connection.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def job(connection: socket.socket) -> list[str]:
    """Fork the job, in which this returns; its parent waits for it, kills it if the caller is gone, and says how it ended."""
    head, fds, _, _ = socket.recv_fds(connection, 8, 3)
    asked, wanted = b"", int.from_bytes(head, "big")
    while len(asked) < wanted:
        asked += connection.recv(wanted - len(asked))
    words, folder, environment = json.loads(asked)
    if pid := os.fork():
        process = os.pidfd_open(pid)
        for fd in fds:
            os.close(fd)
        with selectors.DefaultSelector() as selector:
            for ends in (process, connection):
                selector.register(ends, selectors.EVENT_READ)
            if process not in {key.fd for key, _ in selector.select()}:
                os.kill(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with contextlib.suppress(OSError):
            connection.sendall(code.to_bytes(8, "big", signed=True))
        os._exit(0)
    connection.close()
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    own = str(Path(__file__).parent)
    paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path = [folder, *paths, *(path for path in sys.path if path not in (own, *paths))]
    return list(words)


if __name__ == "__main__":
    module, *arguments = serve(sys.argv[1])
    sys.argv = [module, *arguments]
    status = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)  # the libraries' threads are not in this process, and their destructors would wait for them
