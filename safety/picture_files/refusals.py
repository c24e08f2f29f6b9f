"""Why a file is not read as a picture."""

from enum import StrEnum


class Why(StrEnum):
    """Each is told to whoever sent the file."""

    UNKNOWN_FORMAT = "unknown_format"
    EMPTY = "empty"
    TOO_SMALL = "too_small"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    EXTRA_BYTES = "extra_bytes"
    TWO_THINGS = "two_things"
    TYPE_MISMATCH = "type_mismatch"
    TOO_MANY_FRAMES = "too_many_frames"
    TOO_SLOW = "too_slow"
    UNREADABLE = "unreadable"


WORDS = {
    Why.UNKNOWN_FORMAT: "The file is no PNG, JPEG, WebP or GIF picture.",
    Why.EMPTY: "The picture has no pixels.",
    Why.TOO_SMALL: "A picture with a side under 8 pixels shows nothing that could be judged.",
    Why.TRUNCATED: "The file ends before the picture does.",
    Why.DAMAGED: "The picture is damaged.",
    Why.EXTRA_BYTES: "The file goes on after the picture's end, and that would not be judged.",
    Why.TWO_THINGS: "The file is a picture and something else, or shows different programs different pictures.",
    Why.TYPE_MISMATCH: "The data: URL names another type than the file has.",
    Why.TOO_MANY_FRAMES: "The picture has more frames than are looked through.",
    Why.TOO_SLOW: "Reading the picture takes too long.",
    Why.UNREADABLE: "The picture could not be read.",
}


class NotAPicture(ValueError):
    """The bytes are no picture of a kind that is read, or are more than a picture."""

    def __init__(self, why: Why) -> None:
        super().__init__(WORDS[why])
        self.why = why


class PictureTooLarge(ValueError):
    """More pixels than are judged."""
