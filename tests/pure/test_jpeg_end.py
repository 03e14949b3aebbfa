"""What follows, precedes or imitates the end of a JPEG, and what it costs to find it."""

import struct
from dataclasses import dataclass, field

import pytest

from jobfs.domain.completeness import Structure, inspect
from tests.pure.pictures import inspected, mpo, noise, reading, saved, with_preview

EOI = b"\xff\xd9"
SMALL = saved(noise(), "JPEG")
LARGE = saved(noise(600, 600), "JPEG", quality=97)
PROGRESSIVE = saved(noise(600, 600), "JPEG", quality=97, progressive=True)
FILM = (b"\0\0\0\x20ftypmp42" + bytes(range(256)) + EOI) * 40


@dataclass
class CountingReader:
    """A file that counts how much of it is read."""

    content: bytes
    sizes: list[int] = field(default_factory=list)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return a piece, and remember its size."""
        piece = self.content[offset : offset + size]
        self.sizes.append(len(piece))
        return piece


def segment(code: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(content) + 2) + content


@pytest.mark.parametrize("picture", [SMALL, LARGE, PROGRESSIVE], ids=["small", "large", "scans"])
@pytest.mark.parametrize(
    "appended",
    [b"\0" * 5, b"\0" * 100_000, b"\0" * 200_000, b"PK\x03\x04zip", FILM, SMALL, SMALL[:-9], EOI],
    ids=["zeros", "64K zeros", "more zeros", "zip", "film", "jpeg", "cut jpeg", "another end"],
)
def test_what_follows_the_picture_does_not_matter(picture: bytes, appended: bytes) -> None:
    assert inspected(picture + appended).structure is Structure.WHOLE


@pytest.mark.parametrize("picture", [SMALL, LARGE, PROGRESSIVE], ids=["small", "large", "scans"])
@pytest.mark.parametrize("zeros", [1, 100, 70_000, 300_000])
def test_zeros_in_the_place_of_the_rest_do_not_complete_a_picture(
    picture: bytes, zeros: int
) -> None:
    """After ENOSPC, scp sets the full size, and the missing bytes read as zeros."""
    cut = picture[: len(picture) * 2 // 3]

    assert inspected(cut + b"\0" * zeros).structure is Structure.TRUNCATED


def test_another_picture_does_not_complete_a_cut_one() -> None:
    finding = inspected(LARGE[:200_000] + with_preview())

    assert finding.structure is Structure.TRUNCATED
    assert "another picture begins" in finding.reason


def test_another_picture_does_not_complete_a_cut_header() -> None:
    first_segment = 2 + 2 + int.from_bytes(SMALL[4:6], "big")

    assert inspected(SMALL[:first_segment] + SMALL).structure is Structure.TRUNCATED


def test_the_end_of_the_preview_is_not_the_end_of_the_picture() -> None:
    picture = with_preview()
    end_of_preview = picture.index(EOI) + 2

    assert end_of_preview < len(picture)
    assert inspected(picture[:end_of_preview]).structure is Structure.TRUNCATED


@pytest.mark.parametrize("picture", [SMALL, PROGRESSIVE], ids=["one scan", "many scans"])
def test_an_end_inside_a_segment_between_scans_is_none(picture: bytes) -> None:
    scan = picture.rindex(b"\xff\xda")
    cut = picture[:scan] + segment(0xFE, b"a comment with an end: " + EOI)

    assert inspected(cut).structure is Structure.TRUNCATED
    assert inspected(cut + picture[scan:]).structure is Structure.WHOLE


def test_bytes_between_segments_are_passed_over() -> None:
    assert inspected(SMALL[:2] + b"\xff\xff\0stray" + SMALL[2:]).structure is Structure.WHOLE


def test_a_segment_without_room_for_its_own_length_is_passed_over() -> None:
    assert inspected(SMALL[:2] + b"\xff\xe0\0\0" + SMALL[2:]).structure is Structure.WHOLE


def test_a_picture_appended_by_the_camera_must_be_whole() -> None:
    content = mpo()
    first_end = len(content) - len(content.split(EOI, 1)[1])

    assert inspected(content).structure is Structure.WHOLE
    finding = inspected(content[:-9])
    assert finding.structure is Structure.TRUNCATED
    assert "appended" in finding.reason
    assert inspected(content[: first_end + 40]).structure is Structure.TRUNCATED


def test_a_program_may_drop_the_appended_pictures_and_leave_their_index() -> None:
    content = mpo()
    first_end = len(content) - len(content.split(EOI, 1)[1])

    assert inspected(content[:first_end]).structure is Structure.WHOLE


def test_a_program_may_shorten_the_metadata_and_leave_the_index() -> None:
    """Then the index points beyond the end, but the file still ends like a JPEG."""
    content = mpo()
    index = content.index(b"MPF\0") + 4
    size_of_second = content.index(struct.pack("<H", 0xB002), index)
    pictures = index + int.from_bytes(content[size_of_second + 8 : size_of_second + 12], "little")
    longer = bytearray(content)
    longer[pictures + 2 * 16 + 4 : pictures + 2 * 16 + 8] = struct.pack("<I", len(content))

    assert inspected(bytes(longer) + b"\0").structure is Structure.WHOLE


@pytest.mark.parametrize(
    "index",
    [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"MM\0*\0\0\0\x08\0\0"],
)
def test_an_index_that_cannot_be_read_says_nothing(index: bytes) -> None:
    content = SMALL[:2] + segment(0xE2, b"MPF\0" + index) + SMALL[2:] + b"appended"

    assert inspected(content).structure is Structure.WHOLE


def test_a_large_whole_jpeg_costs_a_few_small_reads() -> None:
    scan = LARGE.index(b"\xff\xda") + 14
    coded = LARGE[scan:-2].rstrip(b"\xff")
    file = CountingReader(LARGE[:scan] + coded * (20_000_000 // len(coded)) + EOI)

    finding = inspect(file.read_at, len(file.content))

    assert finding.structure is Structure.WHOLE
    assert len(file.sizes) < 8
    assert sum(file.sizes) < 512 * 1024


def test_segments_are_leapt_over() -> None:
    """Colour profiles, previews and a program's notes take up to 64 KiB each."""
    long = segment(0xEC, bytes(0xFFFF - 2))
    file = CountingReader(LARGE[:2] + 10 * long + LARGE[2:])

    finding = inspect(file.read_at, len(file.content))

    assert finding.structure is Structure.WHOLE
    assert sum(file.sizes) < 4 * len(long)


def test_each_byte_of_a_cut_jpeg_is_read_about_once() -> None:
    file = CountingReader(LARGE[:-2])

    inspect(file.read_at, len(file.content))

    assert sum(file.sizes) < 2 * len(file.content)


def test_endless_segments_are_given_up() -> None:
    content = b"\xff\xd8" + b"\xff\xfe\0\x02" * 20_000

    assert inspected(content).structure is Structure.UNKNOWN_END


def test_a_sparse_file_without_end_is_given_up() -> None:
    head = LARGE[:100_000]

    def read_at(offset: int, size: int) -> bytes:
        return head[offset : offset + size].ljust(size, b"\0")

    assert inspect(read_at, 1 << 40).structure is Structure.UNKNOWN_END


def test_a_reader_may_return_less_than_asked_at_the_end() -> None:
    assert inspect(reading(SMALL), len(SMALL) + 100).structure is not Structure.EMPTY
