"""The layers together: what a picture gets before it leaves, and what each layer says of a file that comes back.

Credentials are exact and fall off at the first re-encoding, a source type is a mere word, a watermark stays. None of
them proves anything by its absence.
"""

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from policies.identity import IntegrityFailure
from safety.picture_files.pixels import SentPicture
from safety.provenance.credentials import Claim, Credential, Credentials, NotTrusted
from safety.provenance.keys import open_keys
from safety.provenance.source_type import XMP, source_type
from safety.provenance.visible_label import label
from safety.provenance.watermark import Mark, Watermark

SMALLEST = 64  # pixels: the least side in which a mark is looked for
LARGEST = 1536  # pixels: of a larger picture its middle is looked at, and the whole at the sizes we draw
SAME_SHAPE = 0.02  # how far a copy's aspect ratio may be from a drawn picture's
LOST_BEYOND = 2.1  # a copy reduced by more has lost the mark's frequencies
TEST_PICTURE = Image.new("RGB", (SMALLEST, SMALLEST), (120, 160, 90))


@dataclass(frozen=True, slots=True)
class Seen:
    """What each layer says. sha256: of the file. source_type: IPTC's term. mark: the best match of our watermark."""

    sha256: str
    credential: Credential
    source_type: str | None
    mark: Mark


class Provenance:
    """Marks and signs with one set of keys, and knows its own again. Every method may block."""

    xmp = XMP

    def __init__(self, keys_folder: Path) -> None:
        """Keys are made when there is no such folder. Raises IntegrityFailure when nothing can be signed with them."""
        keys = open_keys(keys_folder)
        self.root = keys.root
        self._watermark = Watermark(keys.watermark)
        self._credentials = Credentials(keys)
        self._require_trust(keys.folder)

    def mark(self, pixels: Tensor, decision_id: str) -> Tensor:
        """The picture with the decision's mark. pixels: uint8 (3, height, width) RGB."""
        return self._watermark.embed(pixels, int(mark_of(decision_id), 16))

    def label(self, pixels: Tensor) -> Tensor:
        """The picture with the visible letters AI. pixels: uint8 (3, height, width) RGB, not marked yet."""
        return label(pixels)

    def sign(
        self, content: bytes, output_format: str, decision_ids: Sequence[str], policy_sha256: str, model: str,
        labelled: bool = False,
    ) -> bytes:  # fmt: skip
        """The encoded picture with content credentials that name its decisions. labelled: it bears the letters AI."""
        marks = tuple(mark_of(decision_id) for decision_id in decision_ids)
        claim = Claim(tuple(decision_ids), policy_sha256, model, marks, labelled)
        return self._credentials.sign(content, output_format, claim)

    def look(self, content: bytes, picture: SentPicture, sizes: Sequence[str]) -> Seen:
        """What the layers say of a file and what was read of it.

        sizes: "256x256", those we draw: a scaled copy is looked at in each of them.
        """
        mark = self._find(picture.views[0], sizes)
        said = source_type(picture.facts.xmp)
        return Seen(hashlib.sha256(content).hexdigest(), self._credentials.read(content), said, mark)

    def _find(self, pixels: Tensor, sizes: Sequence[str]) -> Mark:
        best = Mark(0.0)
        for view in _views(pixels, sizes):
            best = max(best, self._watermark.find(view), key=lambda mark: mark.z)
            if best.found:
                break
        return best

    def _require_trust(self, folder: Path) -> None:
        """Sign a picture that nobody sees: better no service than one whose pictures nobody trusts."""
        encoded = io.BytesIO()
        TEST_PICTURE.save(encoded, "png")
        try:
            self.sign(encoded.getvalue(), "png", ["none"], "none", "none")
        except NotTrusted as error:
            raise IntegrityFailure(f"what the leaf in {folder} signs is not trusted under its root: {error}") from error


def mark_of(decision_id: str) -> str:
    """The 64 bits that lead to a decision, as 16 hexadecimal digits."""
    return hashlib.sha256(decision_id.encode()).hexdigest()[:16]


def _views(pixels: Tensor, sizes: Sequence[str]) -> Iterator[Tensor]:
    """The picture as it came, then scaled to the sizes that we draw."""
    height, width = pixels.shape[1:]
    if min(height, width) >= SMALLEST:
        yield _middle(pixels)
    for size in sizes:
        wide, high = (int(side) for side in size.split("x"))
        same_shape = abs(wide * height / (high * width) - 1) <= SAME_SHAPE
        if same_shape and (wide, high) != (width, height) and high <= LOST_BEYOND * height:
            yield _scaled(pixels, high, wide)


def _middle(pixels: Tensor) -> Tensor:
    height, width = pixels.shape[1:]
    top, left = max(0, height - LARGEST) // 2, max(0, width - LARGEST) // 2
    return pixels[:, top : top + LARGEST, left : left + LARGEST]


def _scaled(pixels: Tensor, height: int, width: int) -> Tensor:
    picture = Image.fromarray(pixels.permute(1, 2, 0).numpy())
    scaled = np.array(picture.resize((width, height), Image.Resampling.LANCZOS))
    return torch.from_numpy(scaled).permute(2, 0, 1)
