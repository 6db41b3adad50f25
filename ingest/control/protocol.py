"""
The path of the control socket, and the lines that are sent over it.

The socket is `control.sock` in `data_dir`, and only the user that runs dlrhub may open it. A connection carries one
request, a line of JSON: `{"command": ..., "arguments": {...}}`. The answer is another line: `{"result": {...}}` or
`{"error": "text"}`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NAME: Final = "control.sock"
#: The longest line that is read, in bytes.
LONGEST_LINE: Final = 64 * 1024 * 1024

#: How many bytes a socket's path may have (sun_path in unix(7), without the final zero byte).
_LONGEST_PATH: Final = 107


@contextmanager
def socket_path(data_dir: Path) -> Iterator[str]:
    """Yield the socket's path; if it is too long for a socket, yield one through a descriptor of the folder."""
    path = str((data_dir / NAME).absolute())
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield path
        return
    folder = os.open(data_dir, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{NAME}"
    finally:
        os.close(folder)
