"""Taking the secrets out of URLs before anybody sees them."""

from __future__ import annotations

HIDDEN = "***"


def without_secrets(text: str) -> str:
    """Return `text` with user, password and query of the URL in it, if there is one, replaced by `***`.

    A password may hold any character, percent-encoded or not, so this parses nothing: where it is in doubt
    it hides more.
    """
    scheme, separator, rest = text.partition("://")
    if not separator:
        return text
    before, mark, after = rest.partition("?")
    if "@" in after:
        return f"{scheme}://{HIDDEN}"
    _, at, address = before.rpartition("@")
    hidden_user = f"{HIDDEN}@" if at else ""
    hidden_query = f"?{HIDDEN}" if mark else ""
    return f"{scheme}://{hidden_user}{address}{hidden_query}"
