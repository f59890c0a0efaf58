"""Parsers under octets that a fuzzer thinks of, for hours; `targets` says what must hold.

    python -m venv fuzz && fuzz/bin/pip install atheris -e .
    fuzz/bin/python -m tests.fuzzing readable seeds/ -max_total_time=7200

atheris has no place among the project's own dependencies: it is built for few versions of Python. `seeds/` is a folder
of messages or files to begin with, and where new ones are put. What it finds becomes an ordinary test.
"""
