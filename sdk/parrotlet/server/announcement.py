"""Telling the local network where Wyoming is served, by multicast DNS, so that Home Assistant finds it by itself."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from parrotlet.errors import UsageError
from parrotlet.server.addresses import Address

SERVICE = "_wyoming._tcp.local."
NAME = "Parrotlet"
"""Neither the machine's name nor anybody's: a second one is told as Parrotlet-2."""


@asynccontextmanager
async def announced(wyoming: Address) -> AsyncIterator[None]:
    """Announce a server until the block ends, and then that it is gone. Raises UsageError."""
    from zeroconf import Error
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    places = _places(wyoming.host)
    info = AsyncServiceInfo(SERVICE, f"{NAME}.{SERVICE}", port=wyoming.port, parsed_addresses=places)
    try:
        network = AsyncZeroconf(interfaces=places)
        try:
            await (await network.async_register_service(info, allow_name_change=True))
            yield
            await (await network.async_unregister_service(info))
        finally:
            await network.async_close()
    except (OSError, Error) as error:
        raise UsageError(f"cannot announce {wyoming}: {error}: start without --announce") from error


def _places(host: str) -> list[str]:
    """The addresses by which others reach a host; of every interface those that are not loopback. Raises UsageError."""
    if not ipaddress.ip_address(host).is_unspecified:
        return [host]
    import ifaddr

    found = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    outside = [ip for ip in found if not ipaddress.ip_address(ip).is_loopback]
    if not outside:
        raise UsageError("--announce finds no network: connect this machine first")
    return outside


def require_announced(wyoming: Address | None) -> None:
    """Raise UsageError where there is nothing to announce, or nothing to do so with."""
    from importlib.util import find_spec

    if wyoming is None or wyoming.loopback:
        raise UsageError("--announce tells others of a server that they do not reach: give --wyoming 0.0.0.0 --open")
    if find_spec("zeroconf") is None:
        raise UsageError("--announce needs zeroconf: pip install 'parrotlet[announce]'")
