"""Becomes a ClickHouse: `clickhouse_entry.py LIBRARY ARGUMENT...`, in a process of its own.

Run as a script, by path, with the standard library only.
"""

import ctypes
import sys


def main(library: str, arguments: list[str]) -> int:
    argv = [b"clickhouse", *(argument.encode() for argument in arguments)]
    run = ctypes.CDLL(library).chdb_query_cmdline
    run.restype = ctypes.c_int
    run.argtypes = [ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)]
    code: int = run(len(argv), (ctypes.c_char_p * len(argv))(*argv))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
