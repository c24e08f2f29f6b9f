"""What `gardefou banned` does: bans from the terminal, by the same rules as the review desk."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.api.banned import as_told
from gateway.assembly import open_banned
from gateway.desk import MAX_OWN_PIXELS, ban_end
from gateway.errors import TooLittleDetail
from gateway.settings import Settings
from gateway.store.banned import BannedPictures
from gateway.store.bans import Ban
from policies.signals import Category
from safety.fingerprint import fingerprint
from safety.hash_exchange import SharedHash, read_hashes, write_csv, write_json
from safety.hashes import QUALITY_FLOOR
from safety.picture_files.pixels import decode_picture

BY = "terminal"


def listed(settings: Settings, offset: int) -> dict[str, Any]:
    """Bans, newest first, and how many there are in each state."""
    banned = open_banned(settings)
    return {"data": [as_told(one) for one in banned.listed(offset)], "counts": banned.counts()}


def as_line(ban: dict[str, Any]) -> str:
    """One ban."""
    end = ban["lifted"]["why"] if ban["lifted"] else f"until {ban['ends_at'][:10]}" if ban["ends_at"] else "no end"
    return f"{ban['id']}  {ban['state']:7} {ban['category']:14} {ban['created_at'][:10]}  {end}  {ban['reason']}"


def add(settings: Settings, picture: Path, category: Category, reason: str, days: int | None) -> dict[str, Any]:
    """Ban a picture file. Raises NotAPicture, PictureTooLarge, TooLittleDetail."""
    seen = fingerprint(decode_picture(picture.read_bytes(), MAX_OWN_PIXELS))
    if not seen.is_telling:
        raise TooLittleDetail(f"{picture} has too little detail to be known again (quality {seen.quality}, "
                              f"from {QUALITY_FLOOR} on).")  # fmt: skip
    ban = Ban(seen.hash, category, reason, "terminal", BY, ban_end(days) if days else None)
    return _added(open_banned(settings), [ban])


def lift(settings: Settings, ban: str, why: str) -> dict[str, Any]:
    """Disable a ban. Raises NotFound, AlreadyDecided."""
    lifted = open_banned(settings).disable_entry(ban, BY, why)
    return {"lifted": lifted.id, **Counter(one.state for one in lifted.freed)}


def take(settings: Settings, file: Path, category: Category | None) -> dict[str, Any]:
    """Import a file, all of it or nothing. Raises HashesRefused."""
    shared = read_hashes(str(file), file.read_text(encoding="utf-8"), category)
    bans = [Ban(one.hash, one.category, one.reason or file.name, "import", BY, one.ends_at) for one in shared.hashes]
    passed_over = {f"passed over ({why})": count for why, count in shared.passed_over.items()}
    return {**_added(open_banned(settings), bans), **passed_over}


def exported(settings: Settings, as_csv: bool) -> str:
    """The bans in force as a file that others can read."""
    hashes = _shared(open_banned(settings))
    return write_csv(hashes) if as_csv else write_json(hashes)


def _added(banned: BannedPictures, bans: list[Ban]) -> dict[str, Any]:
    added = banned.add(bans)
    told: dict[str, Any] = {"added": len(added), "banned already": len(bans) - len(added)}
    return {**told, "id": added[0]} if len(added) == 1 else told


def _shared(banned: BannedPictures) -> Iterator[tuple[SharedHash, str]]:
    for row in banned.all_standing():
        yield SharedHash(row.hash, Category(row.category), row.reason, row.ends_at), row.created_at
