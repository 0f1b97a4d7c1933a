"""Passwords in connection URLs, hidden before a URL is shown."""

import re

# Patterns instead of a URL parser: a mistyped URL must not leak its password either. Each pattern names the characters
# to hide. When two matches overlap, both are hidden.
_PASSWORDS = (
    # scheme://user:PASSWORD@host. The last @ ends the password, because an unencoded password may contain one.
    re.compile(r"://[^:]*:(?P<password>.*)@", re.DOTALL),
    # The same without the scheme, or with a broken one.
    re.compile(r"^[^:]*:(?!//)(?P<password>.*)@", re.DOTALL),
    # A query parameter: ?password=PASSWORD&...
    re.compile(r"[?&]\w*password=(?P<password>[^&]*)", re.IGNORECASE),
    # A libpq connection string: host=db password='PASS WORD'
    re.compile(r"(?is)(?:^|\s)\w*password\s*=\s*(?P<password>'(?:\\.|[^'\\])*'?|(?:\\.|[^\s\\])*)"),
)
_MASK = "***"


def mask_passwords(url: str) -> str:
    """Return `url` with `***` in place of each password; other text comes back unchanged.

    Understands URLs and libpq connection strings, also malformed ones. When in doubt it hides too much.
    """
    found = (match for pattern in _PASSWORDS for match in pattern.finditer(url) if match["password"])
    shown: list[str] = []
    end = 0
    for start, stop in sorted(match.span("password") for match in found):
        if start > end or not shown:
            shown += (url[end:start], _MASK)
        end = max(end, stop)
    return "".join(shown) + url[end:]
