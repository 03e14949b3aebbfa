"""Where a Fujifilm raw file (RAF) ends: behind the parts that its header points to.

Source: ExifTool, lib/Image/ExifTool/FujiFilm.pm, ProcessRAF.
"""

import struct

from jobfs.domain.formats.finding import Finding, truncated, unknown_end, whole
from jobfs.domain.formats.window import ReadAt, Window

SIGNATURE = b"FUJIFILMCCD-RAW "

_PARTS = struct.Struct(">6I")  # offset and length of the preview, the metadata, the sensor's data
_PARTS_OFFSET = 84
_READ_AHEAD = 128


def inspect(read: ReadAt, size: int) -> Finding:
    """Tell whether preview, metadata and sensor data are there in full."""
    header = Window(read, size, ahead=_READ_AHEAD).at(_PARTS_OFFSET, _PARTS.size)
    if len(header) < _PARTS.size:
        return truncated("RAF", size, "ends before the picture begins")
    *others, sensor_offset, sensor_length = _PARTS.unpack(header)
    ends = (sensor_offset + sensor_length, others[0] + others[1], others[2] + others[3])
    if max(ends) > size:
        return truncated("RAF", size)
    if not sensor_offset or not sensor_length:
        return unknown_end("RAF", "its header does not say where the picture is")
    return whole("RAF")
