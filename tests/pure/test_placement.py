import pytest

from jobfs.domain.placement import UNSORTED, Placement, Section, place, section_of

JOB = "PlainviewHSFall2026"
INDIVIDUALS, GROUP = Section.INDIVIDUALS, Section.GROUP


@pytest.mark.parametrize(
    ("path", "album", "section"),
    [
        ("", UNSORTED, INDIVIDUALS),
        ("Class 1", "Class 1", INDIVIDUALS),
        ("Class 1/individuals", "Class 1", INDIVIDUALS),
        ("Class 1/group", "Class 1", GROUP),
        ("Class 1/Group", "Class 1", GROUP),
        ("Class 1/GROUP", "Class 1", GROUP),
        ("Class 1/INDIVIDUALS", "Class 1", INDIVIDUALS),
        ("Class 1/ group ", "Class 1", GROUP),
        (" Class 1 /group", "Class 1", GROUP),
        ("Scha\u0308fer", "Sch\u00e4fer", INDIVIDUALS),
        ("Unsorted", "Unsorted", INDIVIDUALS),
    ],
)
def test_a_path_as_expected_is_placed_without_a_note(
    path: str, album: str, section: Section
) -> None:
    directories = path.split("/") if path else []

    assert place(directories, JOB) == Placement(album, section, None)


@pytest.mark.parametrize(
    ("path", "album", "section", "said"),
    [
        ("Class 1/retouched", "Class 1", INDIVIDUALS, '"Class 1/retouched" is neither'),
        ("Class 1/100MSDCF", "Class 1", INDIVIDUALS, "100MSDCF"),
        ("Class 1/group/day 2", "Class 1", GROUP, "day 2"),
        ("Class 1/day 2/Group", "Class 1", GROUP, "day 2"),
        ("Class 1/individuals/day 2", "Class 1", INDIVIDUALS, "day 2"),
        ("Class 1/individuals/group", "Class 1", GROUP, "neither"),
        ("Class 1/a/b/c/d", "Class 1", INDIVIDUALS, "a/b/c/d"),
        ("Class 1/line\nbreak", "Class 1", INDIVIDUALS, '"Class 1/line?break"'),
        ("group", UNSORTED, GROUP, '"group" is not inside an album'),
        ("Individuals", UNSORTED, INDIVIDUALS, '"Individuals" is not inside an album'),
        ("group/Class 1", UNSORTED, GROUP, "not inside an album"),
        ("individuals/group", UNSORTED, INDIVIDUALS, "not inside an album"),
        ("groups", "groups", INDIVIDUALS, 'Name it "group"'),
        ("Gruppe", "Gruppe", INDIVIDUALS, 'Name it "group"'),
        ("Class 1/groups", "Class 1", INDIVIDUALS, 'Name it "group"'),
        ("Class 1/Gruppenfotos", "Class 1", INDIVIDUALS, 'Name it "group"'),
        ("Class 1/_group_", "Class 1", INDIVIDUALS, 'Name it "group"'),
        ("Class 1/individual", "Class 1", INDIVIDUALS, 'Name it "individuals"'),
        ("Class 1/Single", "Class 1", INDIVIDUALS, 'Name it "individuals"'),
        ("Class 1/Einzelporträts", "Class 1", INDIVIDUALS, 'Name it "individuals"'),
        (JOB, JOB, INDIVIDUALS, "repeats the name of its job"),
        (f"{JOB.lower()}/group", JOB.lower(), GROUP, "repeats the name of its job"),
        (f"Class 1/{JOB}", "Class 1", INDIVIDUALS, "repeats the name of its job"),
        (f"{JOB}/Class 1/group", JOB, GROUP, "repeats the name of its job"),
        ("   ", UNSORTED, INDIVIDUALS, "nothing but spaces"),
    ],
)
def test_an_unexpected_path_is_placed_with_a_note(
    path: str, album: str, section: Section, said: str
) -> None:
    placement = place(path.split("/"), JOB)

    assert (placement.album, placement.section) == (album, section)
    assert placement.note is not None
    assert said in placement.note
    assert placement.note.endswith(".")


@pytest.mark.parametrize(
    ("component", "section"),
    [
        ("group", GROUP),
        (" GROUP\t", GROUP),
        ("Individuals", INDIVIDUALS),
        ("groups", None),
        ("", None),
        ("Class 1", None),
    ],
)
def test_a_section_is_named_without_regard_to_case_and_outer_spaces(
    component: str, section: Section | None
) -> None:
    assert section_of(component) is section


def test_a_section_prints_as_its_directorys_name() -> None:
    assert [str(section) for section in Section] == ["individuals", "group"]
