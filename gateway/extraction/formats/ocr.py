"""Words in pictures, by the tesseract command: a grandchild, behind the same walls, fed and heard through pipes."""

from __future__ import annotations

import subprocess
import time
from typing import Final

from gateway.extraction.job import Job, Unread
from gateway.extraction.model import Status

_ENVIRONMENT: Final = {"OMP_THREAD_LIMIT": "1", "LC_ALL": "C.UTF-8"}


def words_in(picture: bytes, job: Job) -> str:
    """The text of `picture`, a file of a format that tesseract reads. Raises `Unread`."""
    settings = job.settings
    if not settings.ocr or not settings.tesseract.startswith("/"):
        raise Unread(Status.UNSUPPORTED, "a picture, and there is no OCR")
    if job.ocr_pages <= 0:
        raise Unread(Status.TOO_LARGE, "too many pictures")
    if job.ocr_seconds <= 0:
        raise Unread(Status.TIMED_OUT, "OCR took too long")
    job.ocr_pages -= 1
    job.ocr_begins()
    started = time.monotonic()
    command = [settings.tesseract, "stdin", "stdout", "-l", settings.languages]
    try:
        done = subprocess.run(  # noqa: S603 -- a program of our own choice, no shell
            command,
            input=picture,
            capture_output=True,
            timeout=job.ocr_seconds,
            env=_ENVIRONMENT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unread(Status.TIMED_OUT, "OCR took too long") from None
    finally:
        job.ocr_seconds -= time.monotonic() - started
    if done.returncode != 0:
        raise Unread(Status.FAILED, "OCR could not read the picture")
    return done.stdout.decode("utf-8", "replace").replace("\f", "\n")
