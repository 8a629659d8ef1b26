"""README's picture, by `make picture`: the first screen of the report of the recorded runs."""

import base64
import io
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

import lambdatuning as lt
from lambdatuning.reporting.report import report

from .browser import browser

ROOT = Path(__file__).parent.parent.parent
PLACE = ROOT / ".github" / "report.png"
RECORDED = ROOT / "data" / "recorded"
GIVEN: dict[str, Any] = {"strategy": "value", "monthly_invocations": 10_000_000}
_WIDTH, _HEIGHT, _COLOURS = 1240, 900, 64


def answer() -> str:
    """What the picture must say: kept in it as its description."""
    return lt.Study(lt.load(RECORDED, "latest"), **GIVEN).headline.sentence


def make(place: Path = PLACE) -> None:
    """Run the first notebook with the newest recorded run, and photograph its first screen."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"store": RECORDED, "runs": "latest", **GIVEN}
        (made,) = report(ROOT / "notebooks" / "01_benchmark.ipynb", given, out=Path(folder))
        with browser(Path(folder) / "profile") as tab:
            tab.open(made.html, _WIDTH)
            shot = tab.call("Page.captureScreenshot")
    picture = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
    about = PngInfo()
    about.add_itxt("Description", answer())
    cut = picture.crop((0, 0, _WIDTH, _HEIGHT)).quantize(_COLOURS)
    cut.save(place, optimize=True, pnginfo=about)


if __name__ == "__main__":
    make()
    print(PLACE)
