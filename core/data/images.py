"""Product images of a dataset's folder, as small squares of pixels."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from core.progress import Progress, quiet
from core.schema.tables import IMAGE, ITEM

SIDE = 32  # pixels
MOST_PIXELS = 50_000_000  # of a file; more are not unpacked
LARGEST_IMAGE = 30_000_000  # bytes of a file
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
SHOWN_NAMES = 3


def read_images(
    items: pd.DataFrame, folder: Path, *, progress: Progress = quiet
) -> tuple[pd.DataFrame | None, list[str]]:
    """The images that `items.image` names by their path in the folder, and a note on those that cannot be had.

    Nothing outside of the folder is opened and nothing is fetched.

    Args:
        items: the item table of a prepared dataset; row r is item code r.

    Returns:
        Rows of items that have an image: `item` (int32) and `image`, bytes of the pixels (3, SIDE, SIDE), red,
        green and blue, the whole picture on white; None where there is none at all.
    """
    if IMAGE not in items:
        return None, []
    named = items[IMAGE].dropna().astype(str).str.strip()
    named = named[named != ""]
    found: dict[str, bytes | None] = {}
    for number, name in enumerate(named.unique()):
        progress("Reading images", number / named.nunique(), name[-40:])
        found[name] = _pixels(folder, name)
    pixels = named.map(found)
    readable = pixels.notna()
    table = pd.DataFrame(
        {ITEM: named.index[readable].astype(np.int32), IMAGE: pixels[readable].to_numpy(object)}
    )
    return (None if table.empty else table), _notes(found)


def pictures_in(folder: Path) -> list[Path]:
    """Every picture that lies in the folder, in order; by these a change is noticed."""
    files = (file for file in folder.rglob("*") if file.suffix.lower() in ENDINGS)
    return sorted(
        file for file in files if file.is_file() and file.resolve().is_relative_to(folder.resolve())
    )


def distinct_images(images: pd.DataFrame | None, n_items: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Distinct pixels, uint8 (M, 3, SIDE, SIDE), and which of them each item has, int32 (n_items,), -1 for none.

    Args:
        images: what `read_images` gave; items from `n_items` on do not count.
    """
    if images is not None:
        images = images[images[ITEM] < n_items]
    if images is None or images.empty:
        return None, None
    codes, kinds = pd.factorize(images[IMAGE], sort=True)
    image = np.full(n_items, -1, np.int32)
    image[images[ITEM]] = codes
    return np.frombuffer(b"".join(kinds), np.uint8).reshape(-1, 3, SIDE, SIDE), image


def _inside(folder: Path, name: str) -> Path | None:
    """The plain file of that name if it lies in the folder."""
    try:
        file = (folder / name).resolve()
        good = (
            file.is_relative_to(folder.resolve()) and file.is_file() and file.stat().st_size <= LARGEST_IMAGE
        )
    except (OSError, ValueError):  # names that no file can have
        return None
    return file if good else None


def _pixels(folder: Path, name: str) -> bytes | None:
    file = _inside(folder, name)
    if file is None:
        return None
    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                return None
            image.draft("RGB", (2 * SIDE, 2 * SIDE))  # JPEG unpacks no more than is needed
            return _square(image)
    except Exception:  # a broken file makes decoders raise almost anything
        return None


def _square(image: Image.Image) -> bytes:
    upright = ImageOps.exif_transpose(image).convert("RGBA")
    white = Image.new("RGBA", upright.size, "white")
    flat = Image.alpha_composite(white, upright).convert("RGB")
    padded = ImageOps.pad(flat, (SIDE, SIDE), color="white")
    return np.asarray(padded).transpose(2, 0, 1).tobytes()  # (SIDE, SIDE, 3) -> (3, SIDE, SIDE)


def _notes(found: Mapping[str, bytes | None]) -> list[str]:
    lost = [name for name, pixels in found.items() if pixels is None]
    if not lost:
        return []
    shown = ", ".join(f"'{name[:40]}'" for name in lost[:SHOWN_NAMES]) + (
        " ..." if len(lost) > SHOWN_NAMES else ""
    )
    return [
        f"{len(lost):,} of {len(found):,} product images are not there, not in the folder, or no image that can be "
        f"read, so their items count as without one: {shown}."
    ]
