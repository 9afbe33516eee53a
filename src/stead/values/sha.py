"""Hashes of short texts, without what takes longer to load than they take to hash.

``hashlib`` loads OpenSSL, which costs several milliseconds of a start; Python's own
implementation is a third as fast, and there at once.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import _Hash, sha1
    from hashlib import sha256 as _own
else:
    try:
        from _sha1 import sha1
    except ImportError:
        from hashlib import sha1
    try:
        from _sha2 import sha256 as _own  # Python 3.12 and later
    except ImportError:
        try:
            from _sha256 import sha256 as _own
        except ImportError:  # another Python, or one built without
            from hashlib import sha256 as _own

__all__ = ["sha1", "sha256"]

LONG = 512 * 1024
"""Bytes from which OpenSSL has made good for its loading."""


def sha256(data: bytes | memoryview = b"") -> _Hash:
    """Give the hash of ``data`` so far, as ``hashlib.sha256`` does."""
    if len(data) < LONG:
        return _own(data)
    import hashlib

    return hashlib.sha256(data)
