"""`gardefou serve` around fakes whose generator does what a prompt says to its worker: run as a process of its own.

Usage: python -m tests.end_to_end.hostile_service DATA PORT LIMIT
"""

import sys
from pathlib import Path

from gateway.assembly import build_house
from gateway.server import serve
from gateway.settings import Settings
from tests.generator import hostile
from tests.houses import Parts


def main() -> None:
    """Serve until SIGTERM; a drawing that takes longer than LIMIT seconds hangs."""
    data, port, limit_s = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    settings = Settings(
        data=data,
        port=port,
        generation_seconds=limit_s,
        generator_memory_mb=256,
        requests_per_minute=100_000,
        drain_seconds=20,
    )
    house = build_house(settings, Parts().screen, hostile.recipe())
    (data / "key").write_text(house.keys.create("test"))
    serve(house)


if __name__ == "__main__":
    main()
