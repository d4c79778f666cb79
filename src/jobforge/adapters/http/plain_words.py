"""Network errors in words that a person can use."""

from __future__ import annotations

import os
import re
import ssl

_SSL_DECORATION = re.compile(r" \(_ssl\.c:\d+\)|^\[[^]]*\] ")


def plain_words(error: BaseException) -> str:
    """Why the network failed: the system's own words where an error or its cause has them."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno and not isinstance(cause, ssl.SSLError):
            return os.strerror(cause.errno).lower()
        cause = cause.__cause__ or cause.__context__
    said = str(error.args[-1]) if error.args else ""
    return _SSL_DECORATION.sub("", said).strip() or f"the connection broke ({type(error).__name__})"
