"""Where a server listens, and whether it should."""

from __future__ import annotations

import ipaddress
import socket
from typing import NamedTuple

from parrotlet.errors import UsageError

HTTP_PORT, WYOMING_PORT = 8765, 10200


class Address(NamedTuple):
    """A host and a port; port 0 takes one that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by name or number."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def parse(given: str, port: int) -> Address:
    """ "HOST:PORT", "HOST", "PORT", "[IPV6]:PORT" or ":PORT", which is every interface. Raises UsageError."""
    host, colon, number = given.rpartition(":")
    if given.isdecimal():
        host, number = "127.0.0.1", given
    elif not colon or given.endswith("]"):
        host, number = given, str(port)
    elif not host:
        host = "0.0.0.0"  # noqa: S104 - asked for, and refused without --open or a token
    if not number.isdecimal() or int(number) > 65535:
        raise UsageError(f"{given!r} is not an address: write HOST:PORT, such as 127.0.0.1:{port}")
    return Address(host.strip("[]"), int(number))


def require_guarded(http: Address | None, wyoming: Address | None, token: bool, open_: bool) -> None:
    """Raise UsageError where others on the network could speak in a voice that is theirs to take."""
    if open_:
        return
    if http is not None and not http.loopback and not token:
        raise UsageError(
            f"--http {http} lets everyone on the network speak in your voice: give --token-file, "
            "or --open if that is meant"
        )
    if wyoming is not None and not wyoming.loopback:
        raise UsageError(
            f"--wyoming {wyoming} lets everyone on the network speak in your voice, for Wyoming knows no tokens: "
            "give --open if that is meant, and --voice to choose which"
        )


def bound(address: Address) -> socket.socket:
    """A socket that listens there. Raises UsageError."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server(address, family=family, backlog=256)
    except OSError as error:
        raise UsageError(f"cannot listen on {address}: {error.strerror or error}: choose another port") from error
