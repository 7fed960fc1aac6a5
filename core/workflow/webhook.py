"""Telling another system: one JSON object, posted to an address."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from core.errors import SettingsError

SECONDS = 10.0  # that the other side may take for each step


class _Straight(urllib.request.HTTPRedirectHandler):
    """No detours: a POST that is sent elsewhere would arrive as a GET, without what it had to tell."""

    def redirect_request(self, *_: Any) -> None:
        return None


def checked_address(address: str) -> str:
    """The address, if something can be posted to it.

    Raises:
        SettingsError: it is no http or https address, or holds a user or a password, which nothing here would send.
    """
    try:
        parts = urlsplit(address)
        reachable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 80) > 0
    except ValueError:
        reachable = False
    if reachable and parts.username is not None:
        raise SettingsError("--webhook takes no user or password in the address.")
    if not reachable or not address.isascii() or not address.isprintable() or " " in address:
        raise SettingsError("--webhook needs an address that begins with http:// or https://.")
    return address


def post(address: str, told: Mapping[str, Any], *, seconds: float = SECONDS) -> str | None:
    """Post it as JSON; None if it arrived, else one sentence why not.

    The sentence names the host alone: who has the rest of the address, which often holds a secret, may post as well.
    """
    request = urllib.request.Request(
        checked_address(address),
        data=json.dumps(told, allow_nan=False).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    try:
        with urllib.request.build_opener(_Straight).open(request, timeout=seconds):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        why = f"it answered {error.code}"
    except urllib.error.URLError as error:
        why = getattr(error.reason, "strerror", None) or str(error.reason)
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
    return f"The webhook at {urlsplit(address).hostname} was not told: {why}."
