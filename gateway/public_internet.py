"""Connections to addresses that somebody else names: to the public internet, and never to anything inside.

The danger is server-side request forgery: an address that leads to our own machine, network or cloud. So the check is
made where the connection is made: the name is resolved, every address of it must be public, and the connection goes to
the address that was checked.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

import httpcore

GLOBAL_UNICAST = ip_network("2000::/3")  # RFC 4291: what is mapped, translated, local or multicast lies outside

Resolve = Callable[[str, int], Awaitable[list[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """Every address of a name. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def is_public(address: str) -> bool:
    """Whether it leads to the public internet; an IPv6 address that carries an IPv4 address does not count as such."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and (parsed not in GLOBAL_UNICAST or parsed.sixtofour or parsed.teredo):
        return False
    return parsed.is_global and not parsed.is_multicast


class NotPublic(Exception):
    """A name that leads, or may lead, somewhere else than to the public internet."""


class PublicOnly(httpcore.AsyncNetworkBackend):
    """Connects to public addresses alone: resolved once, checked, and then the very ones that are connected to."""

    def __init__(
        self, resolve: Resolve, inner: httpcore.AsyncNetworkBackend, private_hosts: Collection[str] = ()
    ) -> None:
        """private_hosts: names that the operator trusts, wherever they lead."""
        self._resolve = resolve
        self._inner = inner
        self._private_hosts = frozenset(private_hosts)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore calls it so)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises NotPublic when any address of the host is not public, httpcore.ConnectError."""
        try:
            addresses = await asyncio.wait_for(self._resolve(host, port), timeout)
        except (OSError, UnicodeError, TimeoutError) as error:
            raise httpcore.ConnectError("the name cannot be resolved") from error
        trusted = host in self._private_hosts
        if not addresses or not (trusted or all(is_public(address) for address in addresses)):
            raise NotPublic(host)
        return await self._inner.connect_tcp(addresses[0], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """As asked."""
        await asyncio.sleep(seconds)
