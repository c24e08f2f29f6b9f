"""What an operator may set of a generator beside name, weights and threads."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Upstream:
    """An OpenAI-compatible images API. url: up to and with /v1.

    seeds: it understands `seed`, as gardefou does and OpenAI does not. picture_hosts: hosts beside its own that
    pictures may be fetched from, by https. seconds: for one picture, retries included.
    """

    url: str
    model: str
    key: str | None = field(default=None, repr=False)
    seeds: bool = False
    picture_hosts: tuple[str, ...] = ()
    seconds: float = 120


@dataclass(frozen=True, slots=True)
class Options:
    """arguments: of every call. What is None or empty leaves the generator's own choice."""

    sizes: tuple[str, ...] = ()
    batch: int | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    revision: str | None = None
    upstream: Upstream | None = None

    @property
    def set(self) -> frozenset[str]:
        """The names of those that are not left to the generator."""
        return frozenset(option.name for option in fields(self) if getattr(self, option.name))

    @property
    def plain(self) -> dict[str, Any]:
        """As another process is told them."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Options":
        """The inverse, after lists have come out of tuples."""
        upstream = plain["upstream"]
        api = upstream and Upstream(**{**upstream, "picture_hosts": tuple(upstream["picture_hosts"])})
        return cls(**{**plain, "sizes": tuple(plain["sizes"]), "upstream": api})
