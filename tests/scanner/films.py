"""What a test's camera sees: films of QR codes."""

import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import segno

_WIDTH, _HEIGHT = 640, 480
_WHITE, _BLACK, _GREY = b"\xeb", b"\x10", b"\x80"
_QUIET = 4  # modules of white around a code, without which it is none
_ONE_BIT_GREY = (1, 0, 0, 0, 0)

Rows = Sequence[Sequence[int]]  # 1 is dark
# A text to be shown as a QR code, such a picture (PNG), several side by side, or nothing.
Scene = str | bytes | tuple[str, ...] | None


def film(path: Path, seconds: Iterable[Scene]) -> Path:
    """A film of one picture a second (YUV4MPEG2)."""
    header = b"YUV4MPEG2 W%d H%d F1:1 Ip A1:1 C420jpeg\n" % (_WIDTH, _HEIGHT)
    colourless = _GREY * (_WIDTH * _HEIGHT // 2)
    with path.open("wb") as file:
        file.write(header)
        for scene in seconds:
            file.write(b"FRAME\n" + _picture(scene) + colourless)
    return path


def _picture(scene: Scene) -> bytes:
    """The brightness of each pixel, every code in the middle of its share and as large as fits."""
    codes = scene if isinstance(scene, tuple) else (scene,)
    shares = [_in_the_middle(_rows(code), _WIDTH // len(codes)) for code in codes]
    return b"".join(b"".join(lines) for lines in zip(*shares, strict=True))


def _rows(code: str | bytes | None) -> Rows:
    if code is None:
        return [[0]]
    if isinstance(code, bytes):
        return _rows_of_png(code)
    rows = segno.make_qr(code).matrix_iter(border=_QUIET)
    return [list(row) for row in rows]


def _in_the_middle(rows: Rows, width: int) -> list[bytes]:
    scale = min(width, _HEIGHT) // len(rows)
    side = scale * len(rows)
    left, above = (width - side) // 2, (_HEIGHT - side) // 2
    lines = [_WHITE * width] * above
    for row in rows:
        code = b"".join((_BLACK if dark else _WHITE) * scale for dark in row)
        lines += [(_WHITE * left + code).ljust(width, _WHITE)] * scale
    return lines + [_WHITE * width] * (_HEIGHT - len(lines))


def _rows_of_png(png: bytes) -> Rows:
    """Its pixels; the platform's pictures are of one bit."""
    width, height, *kind = struct.unpack(">IIBBBBB", png[16:29])
    assert tuple(kind) == _ONE_BIT_GREY, kind
    data, at = b"", 8
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        data += png[at + 8 : at + 8 + length] if name == b"IDAT" else b""
        at += length + 12
    lines = _unfiltered(zlib.decompress(data), (width + 7) // 8)
    assert len(lines) == height
    return [[1 - (line[x // 8] >> (7 - x % 8) & 1) for x in range(width)] for line in lines]


def _unfiltered(data: bytes, wide: int) -> list[bytes]:
    """The lines of a PNG, each as it is (0) or as its difference from the one above (2)."""
    lines = [bytes(wide)]
    for start in range(0, len(data), wide + 1):
        how, line = data[start], data[start + 1 : start + 1 + wide]
        above = {0: bytes(wide), 2: lines[-1]}[how]
        lines.append(bytes((one + up) % 256 for one, up in zip(line, above, strict=True)))
    return lines[1:]
