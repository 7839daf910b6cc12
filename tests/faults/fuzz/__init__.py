"""Fuzzing of everything that reads files: ``make fuzz``.

Hypothesis makes the inputs. It is pure Python, so it runs wherever the package does, and the property tests need it
anyway. Atheris steers by coverage, but only of Python code, and most of what is tried here (Pillow, pandas, SQLite) is
compiled; its wheels are for Linux and a few versions of Python.

`mutants` makes inputs from small sound files, `targets` says what reads them, `trial` tries them in a process of its
own, and ``__main__`` watches these processes and reports.
"""
