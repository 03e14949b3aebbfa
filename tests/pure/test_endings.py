"""Names that promise another content than is in the file."""

import pytest

from jobfs.domain import endings


@pytest.mark.parametrize(
    ("name", "content"), [("IMG_1.JPG", "HEIC"), ("a.b.png", "JPEG"), ("scan.tif", "DNG")]
)
def test_the_ending_of_another_format_is_belied(name: str, content: str) -> None:
    assert endings.is_belied(name, content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("IMG_1.JPG", "JPEG"),
        ("a.jpeg", "JPEG"),
        ("a.HIF", "HEIC"),
        ("jpg.", "PNG"),
        ("a.bak", "GIF"),
    ],
)
def test_its_own_and_unknown_endings_are_not(name: str, content: str) -> None:
    assert not endings.is_belied(name, content)
