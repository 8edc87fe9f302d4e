"""`make screenshots`: what people see, into docs/screenshots. The model and data are those of
examples/mnist; every picture is a palette PNG, so a page is some tens of kilobytes."""

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page

from browse import running
from examples.service import embedded
from lathe.client import Client
from lathe.facts import Transform

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "screenshots"
WIDTHS = (1280, 390)
TALLEST = 2400  # CSS pixels; what is below says nothing new
COLOURS = 64
DRAWN_MS = 400
SCALE = {"image": Transform(scale=0.00392157, mean=(0.1307,), std=(0.3081,))}
JOBS: list[dict[str, Any]] = [
    {"name": "int8, calibrated", "pipeline": [{"technique": "quantize.static"}]},
    {
        "name": "half the weights, then int8",
        "pipeline": [
            {"id": "prune", "technique": "prune.weights", "sparsity": 0.5},
            {"id": "int8", "technique": "quantize.dynamic"},
            {"id": "pack", "technique": "encode.entropy"},
        ],
        "benchmark": {"every_step": True},
    },
    {
        "name": "4-bit codebooks, packed",
        "pipeline": [
            {"id": "share", "technique": "share.weights"},
            {"id": "pack", "technique": "encode.entropy"},
        ],
    },
]


def main() -> int:
    """Take them all."""
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="lathe-screens-") as scratch,
        embedded(Path(scratch) / "data") as service,
        Client(service.url, service.key) as lathe,
        running() as browser,
    ):
        paths = _filled(lathe)
        for scheme in ("light", "dark"):
            for width in WIDTHS:
                page = _page(browser, scheme, width)
                for name, path in paths.items():
                    _take(page, service.url + path, FOLDER / f"{name}-{scheme}-{width}.png")
                    if name == "sign-in":
                        page.get_by_label("API key").fill(service.key)
                        page.keyboard.press("Enter")
                        page.wait_for_url(f"{service.url}/")
                page.context.close()
    return 0


def _filled(lathe: Client) -> dict[str, str]:
    """The pages to show, with a model, data and jobs on them."""
    mnist = ROOT / "examples" / "mnist"
    model = lathe.upload_model(mnist / "lenet5.onnx", name="LeNet-5").id
    data = lathe.upload_dataset(mnist / "mnist.npz", name="MNIST", transforms=SCALE).id
    common = {
        "model": model,
        "data": {
            "calibration": {"dataset": data, "split": "train", "samples": 512},
            "evaluation": {"dataset": data, "split": "test"},
        },
        "task": {"kind": "classification"},
        "constraints": [{"metric": "accuracy", "max_drop": 0.005}],
    }
    ended = [lathe.wait(lathe.submit({**common, **each}).id) for each in JOBS]
    slow = {"technique": "train.distill", "epochs": 500, "loss": {"hard": 0}}
    lathe.submit(
        {
            **common,
            "name": "a long lesson",
            "data": {**common["data"], "train": {"dataset": data, "split": "train"}},
            "pipeline": [slow],
        }
    )
    return {
        "sign-in": "/sign-in",
        "overview": "/",
        "jobs": "/jobs",
        "job": f"/jobs/{ended[1].id}",
        "models": "/models",
        "model": f"/models/{model}",
        "dataset": f"/datasets/{data}",
        "compose": f"/compose?dataset={data}",
        "steps": f"/compose?job={ended[1].id}",
    }


def _page(browser: Browser, scheme: Any, width: int) -> Page:
    size: Any = {"width": width, "height": 900}
    return browser.new_context(viewport=size, color_scheme=scheme).new_page()


def _take(page: Page, address: str, target: Path) -> None:
    page.goto(address)
    page.wait_for_timeout(DRAWN_MS)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    shown = picture.crop((0, 0, picture.width, min(picture.height, TALLEST)))
    few = shown.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(target, optimize=True)
    sys.stdout.write(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    sys.exit(main())
