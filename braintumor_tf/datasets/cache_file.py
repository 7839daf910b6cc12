"""A SQLite file that a process can do without: damaged, it is made anew; unusable, it is gone on without."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import threading
import warnings
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from braintumor_tf.errors import BrainTumorWarning

Row = Sequence[int | str | bytes | None]

_said: set[str] = set()


class CacheFile:
    """A file of tables whose rows carry a seal, so that a changed byte is noticed; threads and processes may share it.

    A file that is no such database, is damaged, or was made with other tables is replaced by a new one. One that cannot
    be opened is replaced by memory; where only writing fails (a full disk, a read-only folder), it is read and nothing
    is added. Each of these is said in one `BrainTumorWarning`, once a process.

    Args:
        path: the file, made with its folder; None keeps everything in memory.
        tables: for each table its columns, the key's first.
        keys: for each table how many columns make its key.
        what: what the file keeps, such as ``"image descriptions"``.

    Example:
        >>> with CacheFile(None, {"sides": ("name", "side")}, {"sides": 1}, what="sides") as cache:
        ...     cache.add({"sides": [("a", 64), ("b", 32)]})
        ...     cache.rows("sides", "name = ?", ["a"])
        [('a', 64)]
    """

    def __init__(self, path: str | Path | None, tables: dict[str, tuple[str, ...]], keys: dict[str, int], *, what: str):
        self.path = None if path is None else Path(path)
        self.tables = tables
        self.what = what
        self._schema = "".join(_table(name, columns, keys[name]) for name, columns in tables.items())
        self._version = zlib.crc32(self._schema.encode()) & 0x7FFFFFFF or 1
        self._lock = threading.RLock()
        self._writes = True
        self._connection = self._open()

    def __enter__(self) -> CacheFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def rows(self, table: str, where: str, values: Sequence[int | str | bytes]) -> list[tuple]:
        """Returns the rows of a table that a condition holds for, without those whose seal is broken."""
        query = f"SELECT {', '.join(self.tables[table])}, seal FROM {table} WHERE {where}"
        with self._lock:
            try:
                found = self._connection.execute(query, tuple(values)).fetchall()
            except (sqlite3.Error, OverflowError) as error:
                self._give_up(error)
                return []
        whole = [row[:-1] for row in found if row[-1] == _seal(row[:-1])]
        if len(whole) < len(found):
            self._say("has damaged entries, which are made anew")
        return whole

    def add(self, rows: dict[str, Iterable[Row]]) -> None:
        """Adds rows to tables in one transaction; a row with the same key is replaced."""
        with self._lock:
            if not self._writes:
                return
            try:
                with self._connection:
                    for table, new in rows.items():
                        marks = ", ".join("?" * (len(self.tables[table]) + 1))
                        query = f"INSERT OR REPLACE INTO {table} VALUES ({marks})"
                        self._connection.executemany(query, [(*row, _seal(row)) for row in new])
            except sqlite3.Error as error:
                self._give_up(error, writing=True)

    def _open(self) -> sqlite3.Connection:
        if self.path is None:
            return self._in_memory()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return self._connect()
        except OSError as error:
            self._say(f"cannot be used ({error.strerror or error}); going on without it")
        except sqlite3.Error as error:
            if _damaged(error):
                return self._made_anew(str(error))
            self._say(f"cannot be used ({error}); going on without it")
        return self._in_memory()

    def _connect(self) -> sqlite3.Connection:
        """Opens the file, and writes the tables into an empty one."""
        connection = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
        connection.text_factory = lambda text: text.decode("utf-8", "replace")  # the seal tells that it is another one
        try:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found != self._version:
                if found or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    raise sqlite3.DatabaseError("made by another version")
                connection.executescript(
                    f"BEGIN IMMEDIATE; {self._schema} PRAGMA user_version = {self._version}; COMMIT;"
                )
            self._file = _identity(self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _made_anew(self, reason: str, opened: tuple[int, int] | None = None) -> sqlite3.Connection:
        """Replaces the file by an empty one, unless another process has done so since it was opened."""
        try:
            if opened in (None, _identity(self.path)):
                for end in ("", "-journal", "-wal", "-shm"):
                    self.path.with_name(self.path.name + end).unlink(missing_ok=True)
            connection = self._connect()
        except (OSError, sqlite3.Error) as error:
            self._say(f"is damaged ({reason}) and cannot be made anew ({error}); going on without it")
            return self._in_memory()
        self._say(f"was damaged or of another version ({reason}); it is made anew")
        return connection

    def _in_memory(self) -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        connection.executescript(self._schema)
        return connection

    def _give_up(self, error: Exception, *, writing: bool = False) -> None:
        """Goes on after an error: with a new file, without writing, or in memory."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.rollback()
        if self.path is None:
            raise error
        if _damaged(error):
            self._connection.close()
            self._connection = self._made_anew(str(error), self._file)
        elif writing:
            self._writes = False
            self._say(f"cannot be written ({error}); going on without adding to it")
        else:
            self._connection.close()
            self._connection = self._in_memory()
            self._say(f"cannot be read ({error}); going on without it")

    def _say(self, text: str) -> None:
        line = f"{self.path}: the cache of {self.what} {text}"
        if line not in _said:
            _said.add(line)
            warnings.warn(line, BrainTumorWarning, stacklevel=2)


def _table(name: str, columns: Sequence[str], keys: int) -> str:
    return (
        f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(columns)}, seal, PRIMARY KEY ({', '.join(columns[:keys])})) "
        "WITHOUT ROWID;"
    )


def _seal(row: Row) -> bytes:
    """Eight bytes that change with any value of a row."""
    digest = hashlib.blake2b(digest_size=8)
    for value in row:
        content = value if isinstance(value, bytes) else repr(value).encode("utf-8", "backslashreplace")
        digest.update(b"%d:%b" % (len(content), content))
    return digest.digest()


def _damaged(error: Exception) -> bool:
    """Whether an error says that the file is no whole database with these tables; others are of disk and rights."""
    return not isinstance(error, sqlite3.OperationalError) or "no such" in str(error)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
