"""A child process in which hostile files are opened: little memory, little time, no secrets."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from . import contents
from .contents import Clean, NotTaken

MEMORY = 1024 * 1024 * 1024
CPU_SECONDS = 10
WALL_SECONDS = 20
LARGEST_ANSWER = 2 * contents.MAX_BYTES
LONGEST_TASK = 200
_ROOT = Path(__file__).parents[2]
_INTERPRETER = (sys.executable, "-s", "-E", "-c")
_START = "from marketplace.documents.isolation import main; main()"
_START_NURSERY = "from marketplace.documents.isolation import nurse; nurse()"


class NotOpened(NotTaken):
    """The child did not come to its end. The file may be harmless: at another time it may go better."""


def cleaned(content: bytes) -> Clean:
    """
    Return what is kept of a file, see `contents.cleaned`.

    :raises NotTaken: it is not a harmless PDF, JPEG or PNG within the limits
    """
    if len(content) > contents.MAX_BYTES:
        raise NotTaken("is larger than 10 MB")
    answer, kept = _ask("cleaned", content)
    return Clean(**answer, content=kept)


def page_picture(content: bytes, number: int) -> bytes:
    """
    Draw page `number` (from 1) of a PDF as a JPEG.

    :raises NotTaken: there is no such page, or it cannot be drawn
    """
    _, drawn = _ask(f"page {number:d}", content)
    return drawn


def told(function: str, content: bytes) -> tuple[dict[str, Any], bytes]:
    """
    Let a `function` of the house, "module:name", open a file in the child; return what it tells of it, and bytes.

    For rooms that open files of another kind than documents. What comes back is as hostile as the file.

    :raises NotTaken: the function did
    :raises NotOpened: the child did not come to its end
    """
    return _ask(function, content)


def main() -> None:
    """Be the child: limit yourself, read the file, answer with a line of JSON and then bytes."""
    _limit()
    sys.stdout.buffer.write(answer(sys.argv[1], sys.stdin.buffer.read()))


def answer(task: str, content: bytes) -> bytes:
    """Return what the child writes."""
    try:
        if task == "cleaned":
            clean = contents.cleaned(content)
            said, kept = {**asdict(clean), "content": None}, clean.content
            del said["content"]
        elif task.startswith("page "):
            said, kept = {}, contents.page_picture(content, int(task.removeprefix("page ")))
        else:
            module, _, function = task.partition(":")
            said, kept = getattr(import_module(module), function)(content)
    except NotTaken as refusal:
        said, kept = {"refused": str(refusal)}, b""
    return json.dumps(said).encode() + b"\n" + kept


def _ask(task: str, content: bytes) -> tuple[dict[str, Any], bytes]:
    nursery = _nursery.get()
    try:
        written = _ask_an_interpreter(task, content) if nursery is None else nursery.ask(task, content)
        line, _, kept = written.partition(b"\n")
        said = json.loads(line)
    except (OSError, ValueError, subprocess.TimeoutExpired, subprocess.CalledProcessError) as trouble:
        raise NotOpened("could not be opened safely") from trouble
    if "refused" in said:
        raise NotTaken(said["refused"])
    return said, kept


def _ask_an_interpreter(task: str, content: bytes) -> bytes:
    # Into a file, of which the child may write only so much; a pipe would be read to its end, however long.
    with tempfile.TemporaryFile() as written:
        subprocess.run(  # noqa: S603  Our own interpreter and our own code; the file goes in as bytes.
            [*_INTERPRETER, _START, task],
            input=content,
            stdout=written,
            stderr=subprocess.DEVNULL,
            timeout=WALL_SECONDS,
            cwd=_ROOT,
            env={},
            check=True,
        )
        written.seek(0)
        return written.read()


@contextmanager
def nursery() -> Iterator[None]:
    """
    Open the files of this context in forks of one interpreter: for many files that come together.

    The limits are the same: a fork limits itself, opens one file, answers and ends. It can reach no other file.
    """
    kept = _Nursery()
    token = _nursery.set(kept)
    try:
        yield
    finally:
        _nursery.reset(token)
        kept.close()


class _Nursery:
    """The interpreter that is forked, and our end of the socket over which it is told what to fork for."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def ask(self, task: str, content: bytes) -> bytes:
        """
        Return what a fork writes about a file.

        :raises OSError: it took too long, or the nursery has died
        :raises subprocess.CalledProcessError: it did not come to its end
        """
        with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as written:
            file.write(content)
            file.seek(0)
            try:
                status = self._status_of(task, file.fileno(), written.fileno())
            except OSError:
                self.close()  # Whatever still runs there has had its time; the next file gets a nursery of its own.
                raise
            if status:
                raise subprocess.CalledProcessError(status, task)
            written.seek(0)
            return written.read()

    def _status_of(self, task: str, file: int, written: int) -> int:
        ours = self._socket or self._begin()
        socket.send_fds(ours, [task.encode()], [file, written])
        answer = ours.recv(1)
        if not answer:
            raise ConnectionResetError("The nursery has died.")
        return answer[0]

    def _begin(self) -> socket.socket:
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(WALL_SECONDS)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  As above.
                [*_INTERPRETER, _START_NURSERY],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=_ROOT,
                env={},
                start_new_session=True,
            )
        return self._socket

    def close(self) -> None:
        """End it and what it forked."""
        if self._socket is not None and self._process is not None:
            self._socket.close()
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):  # It was killed; nobody waits for ever for it to be gone.
                self._process.wait(WALL_SECONDS)
        self._socket = self._process = None


def nurse() -> None:
    """Be the nursery: fork a child for each file that is asked about, and tell how it ended."""
    from PIL import Image

    Image.preinit()  # What every child would read anew.
    with socket.socket(fileno=os.dup(0)) as asked:
        while (handed := socket.recv_fds(asked, LONGEST_TASK, 2))[0]:
            child = os.fork()
            if not child:
                os._exit(_only_child(handed[0].decode(), *handed[1]))
            for descriptor in handed[1]:
                os.close(descriptor)
            _, status = os.waitpid(child, 0)
            asked.send(bytes([abs(os.waitstatus_to_exitcode(status))]))


def _only_child(task: str, file: int, written: int) -> int:
    """Hold nothing but the file and a place for the answer, and be what an interpreter of its own would be."""
    try:
        os.dup2(file, 0)
        os.dup2(written, 1)
        os.closerange(3, 256)
        sys.argv[1:] = [task]
        main()
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001  Whatever it is, this process must not go on as the nursery.
        return 1
    return 0


_nursery: ContextVar[_Nursery | None] = ContextVar("nursery", default=None)


def _limit() -> None:
    import resource

    signal.alarm(WALL_SECONDS)  # Whoever started it may have been killed, and would not end it.
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, LARGEST_ANSWER),
    ):
        # macOS knows the limit of memory by name only.
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))
