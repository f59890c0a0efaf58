"""The walls around the child. `enclose` puts up what this kernel allows; `inspect` tries each, and says which stands.

    keeper    started by the parent; waits. Where the parent goes away it ends the worker; it dies as the worker died.
    worker    process 1 of its own PID, network and IPC namespaces; whatever it starts dies with it, and it sees
              (and could signal) nobody else. It reads attachments.

Limits of address space and processor time, no files to write, no core dumps; no new privileges; Landlock leaves only
programs and libraries to be read, so that the archive is out of sight; seccomp refuses sockets, and what else no reader
of files needs. Whatever the kernel, a container or a service manager refuses is left out, and `inspect` says so; the
parent's clock holds everywhere. Where there are no namespaces, the others still keep the network away.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import select
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Final

from gateway.extraction.model import Protection, Settings

_PR_SET_PDEATHSIG: Final = 1
_PR_GET_SECCOMP: Final = 21
_PR_SET_SECCOMP: Final = 22
_SECCOMP_FILTER: Final = 2
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_GET_NO_NEW_PRIVS: Final = 39
_CLONE_NEWIPC: Final = 0x08000000
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWPID: Final = 0x20000000
_CLONE_NEWNET: Final = 0x40000000

# The numbers of these system calls are the same on all architectures.
_LANDLOCK_CREATE: Final = 444
_LANDLOCK_ADD: Final = 445
_LANDLOCK_RESTRICT: Final = 446
_READ_AND_RUN: Final = 0b1101  # execute, read files, read folders
_READ_AND_WRITE: Final = 0b0110
_FILE_RIGHTS: Final = 0b0111  # of those, what a file can have
_ACCESS_BY_ABI: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_ACCESS_LATEST: Final = (1 << 16) - 1
_TCP: Final = 0b11  # bind and connect (ABI 4)
_SCOPES: Final = 0b11  # abstract sockets and signals (ABI 6)

_FILES: Final = 64
_PROCESSES: Final = 16
_libc = ctypes.CDLL(None, use_errno=True)


def enclose(settings: Settings, sock: socket.socket) -> None:
    """Return in the worker, behind the walls; the keeper never returns."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 19)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _separate()
    worker = os.fork()
    if worker:
        _keep(worker, sock)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _limit(settings)
    _hide_files(settings)
    _refuse_calls()


def _separate() -> None:
    """Namespaces of its own, where the kernel lets ordinary users have them."""
    alone = _CLONE_NEWUSER | _CLONE_NEWNET
    if _libc.unshare(alone | _CLONE_NEWIPC | _CLONE_NEWPID) != 0:
        _libc.unshare(alone)


def _limit(settings: Settings) -> None:
    for what, most in (
        (resource.RLIMIT_AS, settings.memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _FILES),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        # Counted per user, but within the user namespace; not for the machine's root.
        *([(resource.RLIMIT_NPROC, _PROCESSES)] if os.getpid() == 1 else []),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        # A service manager may forbid it; `inspect` says so where it matters.
        with contextlib.suppress(OSError):
            resource.setrlimit(what, (most, most))


def allow_processor_time(seconds: float) -> None:
    """From now on so much time of the processor; then SIGXCPU. Grandchildren start at zero."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(usage.ru_utime + usage.ru_stime + seconds) + 1
    limits = (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
    with contextlib.suppress(OSError):
        resource.setrlimit(resource.RLIMIT_CPU, limits)
    # Process 1 of a namespace ignores what would end others. A handler is not ignored; this one, in C, works
    # in the midst of a library's loop too: `_exit(SIGXCPU)`, which the keeper understands.
    _libc.signal(signal.SIGXCPU, ctypes.cast(_libc._exit, ctypes.c_void_p))


def _keep(worker: int, sock: socket.socket) -> None:
    """The keeper: ends with the worker, or ends it when the parent is gone."""
    watch = select.poll()
    with contextlib.suppress(OSError):  # without pidfds the worker finds out by itself, after its attachment
        pidfd = os.pidfd_open(worker)
        watch.register(pidfd, select.POLLIN)
        watch.register(sock, select.POLLRDHUP | select.POLLHUP)
        if pidfd not in {fd for fd, _ in watch.poll()}:
            os.kill(worker, signal.SIGKILL)
    _, status = os.waitpid(worker, 0)
    died = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == signal.SIGXCPU:
        died = signal.SIGXCPU
    if died:
        if died != signal.SIGKILL:
            signal.signal(died, signal.SIG_DFL)
        os.kill(os.getpid(), died)
    os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)


# --- files ----------------------------------------------------------------------------------------


def _hide_files(settings: Settings) -> None:
    """Leave programs and libraries to be read and run; nothing to be written."""
    abi = _libc.syscall(_LANDLOCK_CREATE, None, 0, 1)
    if abi < 1:
        return
    handled = _ACCESS_BY_ABI.get(abi, _ACCESS_LATEST)
    attributes = struct.pack("=QQQ", handled, _TCP if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    rules = _libc.syscall(_LANDLOCK_CREATE, attributes, size, 0)
    if rules < 0:
        return
    for place in _places(settings):
        _allow(rules, place, _READ_AND_RUN)
    _allow(rules, Path("/dev/null"), _READ_AND_WRITE)
    _libc.syscall(_LANDLOCK_RESTRICT, rules, 0)
    os.close(rules)


def _places(settings: Settings) -> list[Path]:
    package = Path(__file__).resolve().parents[1]
    places = ["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/alternatives", "/dev/urandom"]
    places += [sys.prefix, sys.base_prefix, str(package)]
    places += [path for path in sys.path if path.endswith("-packages")]
    if settings.tesseract.startswith("/"):
        places.append(settings.tesseract)
    return [Path(place) for place in dict.fromkeys(places) if place != "/"]


def _allow(rules: int, place: Path, access: int) -> None:
    try:
        fd = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not place.is_dir():
        access &= _FILE_RIGHTS
    _libc.syscall(_LANDLOCK_ADD, rules, 1, struct.pack("=Qi", access, fd), 0)
    os.close(fd)


# --- system calls ---------------------------------------------------------------------------------

# linux/audit.h, linux/filter.h, linux/seccomp.h
_ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF0000
_ERROR: Final = 0x00050000
_X32: Final = 0x40000000  # the same calls under other numbers
_AT_NUMBER: Final = 0
_AT_ARCHITECTURE: Final = 4
# Calls that no reader of files needs: sockets (io_uring would open them too), other processes' memory, namespaces and
# mounts, keys, and doors that kernels were broken into through.
_REFUSED: Final = {
    # socket, socketpair, ptrace, process_vm_readv, process_vm_writev, io_uring_setup, bpf, userfaultfd,
    # perf_event_open, add_key, request_key, keyctl, mount, unshare, setns
    "x86_64": (41, 53, 101, 310, 311, 425, 321, 323, 298, 248, 249, 250, 165, 272, 308),
    "aarch64": (198, 199, 117, 270, 271, 425, 280, 282, 241, 217, 218, 219, 40, 97, 268),
}


def _refuse_calls() -> None:
    """A seccomp filter; it needs no namespaces, so it stands in containers too."""
    machine = os.uname().machine
    if machine not in _REFUSED:
        return
    refused = _REFUSED[machine]
    steps = [(_LOAD, 0, 0, _AT_ARCHITECTURE)]
    steps += [(_EQUAL, 0, len(refused) + 2, _ARCHITECTURES[machine])]  # another architecture: refused
    steps += [(_LOAD, 0, 0, _AT_NUMBER), (_AT_LEAST, len(refused), 0, _X32)]
    steps += [(_EQUAL, len(refused) - index, 0, call) for index, call in enumerate(refused)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERROR | errno.EPERM)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    header = struct.pack(
        "HxxxxxxP" if struct.calcsize("P") == 8 else "HxxP", len(steps), ctypes.addressof(program)
    )
    _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_FILTER, header, 0, 0)


# --- do they stand? -------------------------------------------------------------------------------


def inspect() -> tuple[Protection, ...]:
    """Each wall, tried from within."""
    memory, _ = resource.getrlimit(resource.RLIMIT_AS)
    return (
        Protection(
            "memory limited", memory != resource.RLIM_INFINITY, f"{memory >> 20} MiB of address space"
        ),
        Protection("no new privileges", _libc.prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1),
        Protection("no network", *_network()),
        Protection("system calls refused", _libc.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) == _SECCOMP_FILTER),
        Protection("own processes only", os.getpid() == 1, "" if os.getpid() == 1 else "no PID namespace"),
        Protection("files out of sight", *_files()),
    )


def _network() -> tuple[bool, str]:
    """Even the loopback interface is down in a fresh network namespace."""
    try:
        with socket.socket() as probe:
            probe.settimeout(1)
            probe.connect(("127.0.0.1", 9))
    except OSError as error:
        if error.errno in (errno.ENETUNREACH, errno.EACCES, errno.EPERM):
            return True, ""
    return False, "the kernel allows neither user namespaces nor seccomp filters to this process"


def _files() -> tuple[bool, str]:
    """A folder that everybody may list, except behind Landlock."""
    try:
        os.listdir("/")  # noqa: PTH208  (Path.iterdir is lazy)
    except PermissionError:
        return True, ""
    return False, "no Landlock in this kernel"
