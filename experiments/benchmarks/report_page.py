"""The page of 1,000 and of 10,000 trials: its size, the seconds to make it, and those until it is drawn in a browser.

`python -m experiments.benchmarks.report_page` needs a Chromium (`apt-get install chromium-headless-shell`) and
playwright (`pip install playwright`). The curves are made up: they rise to a level that depends on the hypers, and most
of them are stopped early.
"""

import shutil
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import jaxnn as nn
from experiments.common import RUNS
from jaxnn.report.about import About
from jaxnn.report.page import make_page
from jaxnn.report.sweeps import describe_sweep
from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.trial import TrialLayout, TrialResult, name_curves
from jaxnn.sweeps.results.load import SavedPlan
from jaxnn.sweeps.results.replay import Programs

SPACE = {
    "learning_rate": nn.log_uniform(1e-4, 1.0),
    "weight_decay": nn.log_uniform(1e-5, 1e-1),
    "dropout": nn.uniform(0.0, 0.6),
    "width": nn.sizes(8, 128),
    "activation": nn.switch(nn.relu, nn.tanh, nn.gelu),
}
BROWSERS = "chromium-headless-shell", "chromium"


class Opened(NamedTuple):
    """Milliseconds in a browser: until the page is drawn, of a redraw after a hover, and of one after a brush."""

    load: float
    hover: float
    brush: float


def make_search(trials: int, epochs: int, *, stops: bool = True) -> nn.SweepResult:
    """Returns a made-up result of a search: trials with learning rates above 0.5 diverge, others rise to a level."""
    rng = np.random.default_rng(0)
    settings = nn.sweeps.settings_at(SPACE, rng.random((trials, len(SPACE))))
    results = [make_trial(number, setting, epochs, rng, stops) for number, setting in enumerate(settings)]
    plan: Any = SavedPlan(SPACE, TrialLayout(1, 1, epochs), {}, Path("search"))
    chunks = tuple(ChunkStats(10, 1 - 0.9 * (i > 80), 8, 8, 0.0, 0.5) for i in range(100))
    return nn.SweepResult(tuple(results), {}, chunks, plan, Programs())


def make_trial(number: int, setting: Any, epochs: int, rng: np.random.Generator, stops: bool) -> TrialResult:
    """Returns a made-up trial."""
    rate = setting.values["learning_rate"]
    level = 0.99 - 0.08 * np.log10(rate / 0.03) ** 2 - 0.1 * setting.values["dropout"] + 0.01 * rng.normal()
    diverged = rate > 0.5
    end = int(rng.integers(1, 6)) if diverged else epochs
    if stops and not diverged:
        end = max(epochs // 3 ** rng.choice(4, p=[0.1, 0.15, 0.25, 0.5]), 1)
    score = level * (1 - np.exp(-np.arange(1, end + 1) / 6)) + 0.005 * rng.normal(size=end)
    table = np.stack([2.3 - 2.2 * score, 2.4 - 2.2 * score, score])[:, None].astype(np.float32)
    status = "diverged" if diverged else "finished" if end == epochs else "stopped"
    last = float("nan") if diverged else float(score[-1])
    std = float("nan") if diverged else 0.0
    curves = name_curves(table, ())
    return TrialResult(number, setting, status, end, last, std, 0.02 * end, curves, (), 0 if diverged else end)


def write_page(search: nn.SweepResult, path: Path) -> float:
    """Writes the page of a search, without the importance; returns the seconds."""
    started = time.perf_counter()
    about = About("search", "", {"score": "accuracy"}, written=1.0, seconds=60.0, thorough=False)
    path.write_text(make_page(describe_sweep(search, about)))
    return time.perf_counter() - started


def open_page(path: Path) -> Opened | None:
    """Opens a page in a browser; returns None where there is none."""
    command = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if command is None:
        return None
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=command, args=["--no-sandbox"]).new_page()
        page.goto(path.resolve().as_uri())
        drawn = "() => new Promise(done => requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0)))"
        load = page.evaluate(drawn)
        times = []
        for selector in (".curves canvas + canvas", ".parallel canvas + canvas"):
            page.locator(selector).focus()
            page.keyboard.press("ArrowDown")
            before = page.evaluate("performance.now()")
            page.keyboard.press("ArrowDown")
            times.append(page.evaluate(drawn) - before)
        return Opened(load, *times)


def main() -> None:
    """Prints a line for each number of trials."""
    folder = RUNS / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    for trials in (1000, 10_000):
        path = folder / f"report_{trials}.html"
        seconds = write_page(make_search(trials, 100), path)
        opened = open_page(path)
        browser = "no browser" if opened is None else (
            f"drawn after {opened.load:.0f} ms, hover {opened.hover:.0f} ms, brush {opened.brush:.0f} ms"
        )  # fmt: skip
        size = path.stat().st_size / 1e6
        print(f"{trials:6,} trials × 100 epochs: {size:.2f} MB, made in {seconds:.2f} s; {browser}")


if __name__ == "__main__":
    main()
