"""How a text file is encoded: by its mark, by being valid UTF-8, else by a well-kept library's guess."""

import codecs
import re
from pathlib import Path

from charset_normalizer import from_bytes

from core.errors import TableError

CHUNK = 1 << 20
SAMPLE = 1 << 18
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# One per script: among encodings of the same script a guess from a few letters is no better than chance.
LATIN = ["cp1252"]
OTHER_SCRIPTS = ["cp1251", "shift_jis", "gb18030", "euc_kr", "big5"]


def sniff_encoding(path: Path) -> str:
    """The Python name of the file's encoding; reads it once.

    Raises:
        TableError: the file is no text, or its encoding cannot be told.
    """
    with path.open("rb") as stream:
        beginning = stream.read(4096)
    for mark, name in MARKS.items():
        if beginning.startswith(mark):
            return name
    if wide := _wide(beginning):
        return wide
    foreign = _first_foreign_part(path)
    return "utf-8" if foreign is None else _legacy(foreign, path.name)


def read_text(path: Path) -> str:
    """The whole of a text file, with line ends as they are; TableError if it cannot be decoded."""
    try:
        return path.read_bytes().decode(sniff_encoding(path)).lstrip("\ufeff")
    except UnicodeError:
        raise TableError("cannot be read as text; it is damaged", source=path.name) from None


def _wide(beginning: bytes) -> str | None:
    """UTF-16 without a mark: nearly every second byte of plain letters is zero."""
    even, odd = beginning[0::2].count(0), beginning[1::2].count(0)
    if max(even, odd) <= 0.3 * len(beginning[1::2]):
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _first_foreign_part(path: Path) -> bytes | None:
    """A part of the file that begins with its first line that is not UTF-8; None if all of it is.

    Raises:
        TableError: a NUL byte: no text, or a damaged one.
    """
    decoder, lines = codecs.getincrementaldecoder("utf-8")(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            if (place := chunk.find(0)) >= 0:
                row = lines + chunk[:place].count(b"\n")
                raise TableError(
                    "holds a NUL byte; it is no text or is damaged", source=path.name, rows=[max(row, 1)]
                )
            try:
                decoder.decode(chunk, final=len(chunk) < CHUNK)
            except UnicodeDecodeError as error:
                begin = chunk.rfind(b"\n", 0, error.start) + 1
                return chunk[begin : begin + SAMPLE]
            lines += chunk.count(b"\n")
    return None


def _legacy(part: bytes, name: str) -> str:
    guess = from_bytes(part, cp_isolation=LATIN if _is_latin(part) else OTHER_SCRIPTS).best()
    if guess is None:
        raise TableError(
            "is neither UTF-8 nor in another encoding that can be told; save it as UTF-8", source=name
        )
    return guess.encoding


def _is_latin(part: bytes) -> bool:
    """In Latin script an accent stands among plain letters; in others whole words are foreign.

    The sign of the euro (0x80 in Windows-1252) stands beside numbers and tells nothing, but of a file without any
    other foreign letter.
    """
    words = b"".join(re.findall(rb"[A-Za-z]*[\x81-\xff][A-Za-z\x81-\xff]*", part))
    foreign = sum(byte > 0x80 for byte in words)
    return not words or foreign < len(words) - foreign
