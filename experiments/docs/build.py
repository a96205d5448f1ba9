"""Sphinx: from the sources of the pages to HTML that needs no network.

Why Sphinx and not pdoc: pdoc shows one page for each module, and most of this library is one module, `jaxnn`; how-tos,
grouped reference pages and one search over both need Sphinx. Its theme furo is readable on a telephone and in the dark.
"""

import contextlib
import io
import re
import warnings
from pathlib import Path
from typing import Any

import jaxnn
from experiments.docs.docstrings import read_signature, split_attributes, to_rest

_OPTIONS = {
    "project": "jaxnn",
    "version": jaxnn.__version__,
    "release": jaxnn.__version__,
    "extensions": ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_parser"],
    "html_theme": "furo",
    "html_title": f"jaxnn {jaxnn.__version__}",
    "html_static_path": [str(Path(__file__).parent / "static")],
    "html_css_files": ["custom.css"],
    "html_copy_source": False,
    "html_show_sphinx": False,
    "html_show_copyright": False,
    "html_show_search_summary": False,  # it would fetch the pages, which a browser refuses for files
    "smartquotes": False,  # a quoted value is copied
    "html_use_index": False,
    "html_domain_indices": False,
    "napoleon_numpy_docstring": False,
    "napoleon_use_rtype": False,
    "napoleon_use_ivar": False,
    "napoleon_attr_annotations": False,
    "autodoc_class_signature": "mixed",
    "autodoc_typehints": "none",  # the signature has them, as the source does
    "python_maximum_signature_line_length": 72,
    "toc_object_entries_show_parents": "hide",
    "pygments_style": "friendly",
    "myst_heading_anchors": 3,
    "strip_signature_backslash": True,
    "nitpicky": True,  # a link from backticks that leads nowhere is an error
    "nitpick_ignore_regex": [("py:class", ".*")],  # types of other packages in signatures
    "language": "en",
}


def build(sources: Path, output: Path, doctrees: Path) -> list[str]:
    """Builds the pages, and returns the warnings of Sphinx; there should be none.

    Raises:
        SystemExit: Sphinx, its theme or the parser of Markdown is not installed.
    """
    try:
        import furo as _furo
        import myst_parser as _myst_parser
        from sphinx.application import Sphinx
        from sphinx.util.docutils import docutils_namespace
    except ImportError as error:
        raise SystemExit("the documentation is built with Sphinx: pip install 'jaxnn[docs]'") from error
    del _furo, _myst_parser
    troubles = io.StringIO()
    # Packages of Sphinx warn about each other.
    with docutils_namespace(), warnings.catch_warnings(action="ignore"):
        app = Sphinx(
            sources,
            None,
            output,
            doctrees,
            "html",
            confoverrides=_OPTIONS,
            status=None,
            warning=troubles,
            freshenv=True,
        )
        app.connect("autodoc-process-docstring", _process_docstring, priority=400)  # before napoleon
        app.connect("autodoc-process-docstring", _split_attributes, priority=600)  # after it
        app.connect("autodoc-process-signature", _process_signature)
        app.build()
    with contextlib.suppress(FileNotFoundError):
        (output / "objects.inv").unlink()  # for other projects that link here
    lines = re.sub(r"\x1b\[[\d;]*m", "", troubles.getvalue()).splitlines()
    return [line for line in lines if line.strip()]


def _process_docstring(app: Any, kind: str, path: str, value: Any, options: Any, lines: list[str]) -> None:
    lines[:] = to_rest(list(lines), path, value)


def _split_attributes(app: Any, kind: str, path: str, value: Any, options: Any, lines: list[str]) -> None:
    lines[:] = [part for line in lines for part in split_attributes(line)]


def _process_signature(
    app: Any, kind: str, path: str, value: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str, str | None] | None:
    if kind == "property":
        return None
    own = read_signature(value)
    if own is None:
        return None
    parameters, arrow, result = own.rpartition(" -> ")
    return (parameters, result) if arrow else (own, None)
