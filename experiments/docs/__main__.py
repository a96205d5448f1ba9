"""Builds the documentation: `python -m experiments.docs` writes runs/docs/index.html."""

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import jaxnn as nn
from experiments import common
from experiments.docs.build import build
from experiments.docs.cells import Output, read_script, run_script
from experiments.docs.examples import count_examples
from experiments.docs.index import HOWTOS, copy_benchmarks, copy_install, find_howto, write_index
from experiments.docs.links import check_links
from experiments.docs.names import list_names
from experiments.docs.pages import write_howto
from experiments.docs.reference import write_reference


@dataclass(frozen=True)
class Config:
    """Run the how-tos and build runs/docs/: how-tos, reference and search, which need no network."""

    run: bool = True
    """Run the how-tos, about a minute; otherwise the pages do not show what their code prints."""


def main(config: Config) -> None:
    """Runs the how-tos, writes the sources of all pages, builds them and checks the links."""
    started = time.perf_counter()
    output = common.RUNS / "docs"
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder) / "sources"
        write_sources(sources, run=config.run)
        shutil.rmtree(output, ignore_errors=True)
        troubles = build(sources, output, Path(folder) / "doctrees")
    checked, examples = check_links(output), count_examples()
    troubles += checked.troubles
    for trouble in troubles:
        print(trouble)
    print(f"{checked.pages} pages, {checked.links} links between them, {len(list_names())} names in the reference")
    print(f"{examples.docstrings} docstrings have examples of {examples.lines} lines, which the tests run")
    print(f"{time.perf_counter() - started:5.1f} s  {output / 'index.html'}")
    if troubles:
        raise SystemExit(f"{len(troubles)} troubles, see above")


def write_sources(sources: Path, *, run: bool) -> None:
    """Runs the how-tos, and writes the sources of all pages."""
    sources.mkdir()
    for name in HOWTOS:
        started = time.perf_counter()
        script = read_script(find_howto(name))
        with tempfile.TemporaryDirectory() as directory:
            outputs = run_script(script, Path(directory))[1] if run else [Output("", ())] * len(script.cells)
            write_howto(sources / "howto", script, outputs)
        print(f"{time.perf_counter() - started:5.1f} s  {script.title}", flush=True)
    copy_install(sources)
    copy_benchmarks(sources)
    write_index(sources, write_reference(sources / "reference"))


if __name__ == "__main__":
    nn.use_all_cores()
    common.run_command(Config, main)
