"""`gardefou serve` around fakes whose generator is slow: run as a process of its own, for tests that kill it.

Usage: python -m tests.end_to_end.slow_service DATA PORT SECONDS
"""

import sys
import time
from pathlib import Path

from gateway.server import serve
from tests.houses import Parts, build


def main() -> None:
    """Serve until SIGTERM; every picture takes SECONDS, those of the prompt "quick" none."""
    data, port, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    parts = Parts()
    parts.generator.batch_size = 1
    parts.generator.on_draw = lambda requests, _: time.sleep(0 if requests[0].prompt == "quick" else seconds)
    house = build(data, parts, port=port, drain_seconds=20)
    if not house.keys.any_exists():
        (data / "key").write_text(house.keys.create("test"))
    serve(house)


if __name__ == "__main__":
    main()
