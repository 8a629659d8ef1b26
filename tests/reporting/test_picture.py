"""README's picture is the one that `make picture` makes of the recorded runs as they are."""

import re

from PIL import Image

from .picture import PLACE, ROOT, answer


def test_the_picture_says_what_the_recorded_runs_say_today() -> None:
    with Image.open(PLACE) as picture:
        assert picture.info["Description"] == answer(), "make picture"
        assert picture.size == (1240, 900)
    assert PLACE.stat().st_size < 150_000


def test_the_makefile_makes_it_and_pictures_of_the_readme_are_there() -> None:
    assert "python -m tests.reporting.picture" in (ROOT / "Makefile").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    for address in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", readme):
        if "://" not in address:
            assert (ROOT / address).is_file(), address
