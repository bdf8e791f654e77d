"""A child process in which hostile files are opened: little memory, little time, no secrets."""

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import contents
from .contents import Clean, NotTaken

MEMORY = 1024 * 1024 * 1024
CPU_SECONDS = 10
WALL_SECONDS = 20
_ROOT = Path(__file__).parents[2]
_START = "from marketplace.documents.isolation import main; main()"


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
        else:
            said, kept = {}, contents.page_picture(content, int(task.removeprefix("page ")))
    except NotTaken as refusal:
        said, kept = {"refused": str(refusal)}, b""
    return json.dumps(said).encode() + b"\n" + kept


def _ask(task: str, content: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        done = subprocess.run(  # noqa: S603  Our own interpreter and our own code; the file goes in as bytes.
            [sys.executable, "-s", "-E", "-c", _START, task],
            input=content,
            capture_output=True,
            timeout=WALL_SECONDS,
            cwd=_ROOT,
            env={},
            check=True,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as trouble:
        raise NotTaken("could not be opened safely") from trouble
    line, _, kept = done.stdout.partition(b"\n")
    said = json.loads(line)
    if "refused" in said:
        raise NotTaken(said["refused"])
    return said, kept


def _limit() -> None:
    import resource

    for limit, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_CORE, 0)):
        # macOS knows the limit of memory by name only.
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))
