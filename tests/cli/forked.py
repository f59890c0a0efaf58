"""`mailgw` in a process of its own, forked from one that has imported it: starting Python takes longer than a command.

    run(["search", "x"]) -> subprocess.CompletedProcess

One server for each process of the tests, which waits for a line of JSON, forks, and tells the exit code.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_SERVER = "from tests.cli.forked import serve; serve()"
_ROOT = Path(__file__).parents[2]


def run(arguments: Sequence[str], seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Raises subprocess.TimeoutExpired."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        asked = {
            "arguments": list(arguments), "out": str(out), "err": str(err), "cwd": str(Path.cwd()),
            "environment": dict(os.environ), "seconds": int(seconds),
        }  # fmt: skip
        server.stdin.write(json.dumps(asked).encode() + b"\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        if code == -14:  # its alarm
            raise subprocess.TimeoutExpired(list(arguments), seconds)
        return subprocess.CompletedProcess(list(arguments), code, out.read_text(), err.read_text())


@cache
def _server() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _SERVER]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT)

    def end() -> None:
        assert server.stdin is not None
        server.stdin.close()
        server.wait()

    atexit.register(end)
    return server


def serve() -> None:
    """What the server does until its input ends."""
    import signal

    import gateway.search.tantivy  # noqa: F401 -- commands import it late
    from gateway.cli.main import main

    answers = os.dup(1)
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            os.write(answers, b"%d\n" % os.waitstatus_to_exitcode(status))
            continue
        signal.alarm(asked["seconds"])
        os.close(answers)
        code = _command(asked, main)
        atexit._run_exitfuncs()  # as an interpreter does at its end
        os._exit(code)


def _command(asked: dict[str, object], main: object) -> int:
    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    os.environ.update(asked["environment"])  # type: ignore[call-overload]
    for name, fd in (("out", 1), ("err", 2)):
        file = os.open(str(asked[name]), os.O_CREAT | os.O_WRONLY, 0o600)
        os.dup2(file, fd)
        os.close(file)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    sys.argv = ["mailgw", *asked["arguments"]]  # type: ignore[misc]
    try:
        main()  # type: ignore[operator]
    except SystemExit as ended:
        code = ended.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
        return code if isinstance(code, int) else int(code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0
