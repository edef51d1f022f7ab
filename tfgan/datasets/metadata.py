"""Picture files without their metadata: what is broken or too large there costs no picture whose pixels are whole."""

import struct
import zlib

_OF_PNG = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf")  # chunks of pixels, and EXIF's rotation
# tags that pixels need, of all of TIFF's
_OF_TIFF = {*range(256, 260), 262, 266, 273, 274, 277, 278, 279, 284, 292, 293, 317, 320, *range(322, 326), 338, 339, 347, 530}


def without_metadata(data):
    """A picture file's bytes without what decides no pixel, as far as this file can be taken apart."""
    strip = {b"\x89PNG": _png, b"\xff\xd8": _jpeg, b"II*\0": _tiff, b"MM\0*": _tiff}
    try:
        return next((strip[first](data) for first in strip if data.startswith(first)), data)
    except (struct.error, IndexError):  # a part that breaks off
        return data


def _png(data):
    """Without chunks of metadata. As in other programs, one of tRNS or eXIf whose checksum is wrong is left out."""
    parts, place = [data[:8]], 8
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        chunk = data[place : place + 12 + length]
        spoiled = kind[:1].islower() and chunk[-4:] != struct.pack(">I", zlib.crc32(chunk[4:-4]))
        parts += [chunk] if kind in _OF_PNG and not spoiled else []
        place += 12 + length
    return b"".join(parts)


def _jpeg(data):
    """Without comments and segments of applications, except for EXIF and a whole one of Adobe's, which decides the colours."""
    parts, place = [data[:2]], 2
    while (marker := data[place + 1]) != 0xDA:  # the beginning of the pixels
        length = struct.unpack_from(">H", data, place + 2)[0] if data[place] == 0xFF else -1  # -1: junk, a byte after the other
        segment = data[place : place + 2 + length]
        if length > 0 and (marker < 0xE0 or segment[4:8] == b"Exif" or (marker == 0xEE and length >= 14)):
            parts.append(segment)
        place += 2 + length
    return b"".join([*parts, data[place:]])


def _tiff(data):
    """With a new list of tags behind the end."""
    order = "<" if data[:1] == b"I" else ">"
    (place,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, place)
    tags = [data[begin : begin + 12] for begin in range(place + 2, place + 2 + 12 * count, 12)]
    tags = [tag for tag in tags if struct.unpack_from(order + "H", tag)[0] in _OF_TIFF]
    data += bytes(len(data) % 2)
    place, count = struct.pack(order + "I", len(data)), struct.pack(order + "H", len(tags))
    return b"".join([data[:4], place, data[8:], count, *tags, bytes(4)])
