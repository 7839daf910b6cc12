"""Ctrl-C: a command ends within two seconds, whatever it is busy with, and says how to go on."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

EXIT_CODE = 130
"""How a command ends that was interrupted, as shells have it."""

GRACE_SECONDS = 1.0
"""How long a command may take to end by itself, before its process is ended."""

_PROGRAM = "braintumor-tf"


class Watch:
    """Ends the process where Ctrl-C does not end what runs.

    Python raises `KeyboardInterrupt` in the main thread between two of its own steps: not within a long call of a
    library, and where a library calls back into Python, as TensorFlow does while it traces a model, it can be lost. So
    the signal wakes a thread too, which waits `GRACE_SECONDS`, says how to go on, and ends the process. Files that were
    being written are removed, and processes that were started are ended with it.

    Args:
        words: of the command line, which is to be called again where nothing else was said by `goes_on_with`.
    """

    def __init__(self, words: Sequence[str]):
        self._words: Callable[[], Sequence[str] | None] = lambda: None
        self._again = list(words)
        self._said = threading.Lock()
        self._seen = threading.Event()

    def goes_on_with(self, words: Callable[[], Sequence[str] | None]) -> None:
        """Sets what is called to learn the words of the command that goes on; None for the same command again."""
        self._words = words

    @property
    def seen(self) -> bool:
        """Whether there was a Ctrl-C."""
        return self._seen.wait(0.05)  # the thread may be about to say so

    @property
    def line(self) -> str:
        """What is said of an interruption."""
        words = self._words() or self._again
        return f"{_PROGRAM}: interrupted, what was finished is kept; go on with: {shlex.join([_PROGRAM, *words])}"

    def say(self) -> None:
        """Says once how to go on."""
        if self._said.acquire(blocking=False):
            print(f"\n{self.line}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Ends the process, without waiting for any thread of it."""
        self.say()
        if files := sys.modules.get("braintumor_tf.files"):  # else nothing was written, and importing it takes long
            files.remove_open_files()
        end_children()
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(EXIT_CODE)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watches while the block runs; does nothing outside the main thread, or where Ctrl-C has another meaning."""
        own = threading.current_thread() is threading.main_thread()
        if not own or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return
        lost = sys.unraisablehook

        def silent(found: Any) -> None:
            if not issubclass(found.exc_type, KeyboardInterrupt):  # which the thread knows of
                lost(found)

        receiver, sender = socket.socketpair()
        sender.setblocking(False)
        before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        sys.unraisablehook = silent
        threading.Thread(target=self._wait, args=(receiver,), name="Ctrl-C", daemon=True).start()
        try:
            yield
        finally:
            if not self._seen.is_set():  # else the thread ends what is left, as threads that the interpreter waits for
                sys.unraisablehook = lost
                signal.set_wakeup_fd(before)
                sender.close()

    def _wait(self, receiver: socket.socket) -> None:
        while data := receiver.recv(64):
            if signal.SIGINT in data:
                self._seen.set()
                receiver.settimeout(GRACE_SECONDS)
                with contextlib.suppress(TimeoutError):
                    while (more := receiver.recv(64)) and signal.SIGINT not in more:
                        continue  # a second Ctrl-C is not waited for
                    time.sleep(0 if more else GRACE_SECONDS)
                self.end()


_WATCHES: list[Watch] = []


@contextlib.contextmanager
def interruptible(words: Sequence[str]) -> Iterator[Watch]:
    """Watches a command for Ctrl-C, and gives its `Watch`; `goes_on_with` is then that of this command."""
    watch = Watch(words)
    _WATCHES.append(watch)
    try:
        with watch.watching():
            yield watch
    finally:
        _WATCHES.remove(watch)


def goes_on_with(words: Callable[[], Sequence[str] | None]) -> None:
    """Sets how the running command is gone on with after Ctrl-C, where there is a command (`Watch.goes_on_with`).

    Args:
        words: returns the words after ``braintumor-tf``, or None for the same command once more; called at Ctrl-C.
    """
    if _WATCHES:
        _WATCHES[-1].goes_on_with(words)


def end_children() -> None:
    """Ends the processes that this one has started, such as the kernel of a notebook."""
    if "jupyter_client" not in sys.modules:  # a notebook's kernel is the only process that is ever started
        return
    import psutil  # comes with the kernel

    with contextlib.suppress(psutil.Error):
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                process.kill()
