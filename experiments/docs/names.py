"""The public names of jaxnn, the page on which each is, and links from a name in backticks."""

import functools
import importlib
import inspect
import re
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import jaxnn

# The pages of names that `import jaxnn as nn` gives: title, and the modules under jaxnn that they are defined in. The
# first that fits counts. A new module needs no entry: what fits none is on the last page.
PAGES = {
    "Training": ("training.recipe", "training.fit", "training.train", "training.stopping", "training"),
    "Sweeps": ("sweeps.search", "sweeps.results.result", "sweeps.results"),
    "Spaces": ("sweeps.space", "units"),
    "Schedulers and samplers": (
        "sweeps.schedulers.successive_halving", "sweeps.schedulers.median_stopping",
        "sweeps.schedulers.population_based", "sweeps.simulation", "sweeps.schedulers", "sweeps.samplers",
        "sweeps.engine.splits",
    ),
    "Sweeps in detail": ("sweeps",),
    "Models": ("models.mlp", "models.cnn", "models.resnet", "models", "buffers"),
    "Norms": ("layers.norms", "layers.batch_norm", "layers.group_norm"),
    "Sequences and attention": (
        "layers.gru", "layers.lstm", "layers.recurrent", "layers.attention", "layers.embedding"
    ),
    "Layers": ("layers",),
    "Activations": ("activations",),
    "Losses": ("losses", "weights"),
    "Scores": ("scores",),
    "Data": ("data", "batches", "scaling"),
    "Files": ("io", "integrations"),
    "Devices, compilation, versions": (),
}  # fmt: skip
# Modules with a page of their own.
MODULES = (
    "augment", "datasets", "executors", "initializers", "plots", "report", "integrations.sklearn",
    "integrations.flax", "integrations.equinox", "integrations.pytorch", "integrations.keras",
)  # fmt: skip


class Name(NamedTuple):
    """A public name.

    Attributes:
        path: such as "jaxnn.plots.save".
        value: what it is.
        page: the title of its page.
    """

    path: str
    value: Any
    page: str

    @property
    def short(self) -> str:
        """The name as users write it, such as "nn.plots.save"."""
        return f"nn.{self.path.removeprefix('jaxnn.')}"


@functools.cache
def list_names() -> dict[str, Name]:
    """Returns all public names by path: of `jaxnn`, of `jaxnn.sweeps`, and of the modules with a page of their own."""
    found = {}
    for name in jaxnn.__all__:
        value = getattr(jaxnn, name)
        if not inspect.ismodule(value):
            found[f"jaxnn.{name}"] = Name(f"jaxnn.{name}", value, _find_page(value))
    same = {id(name.value) for name in found.values()}
    for name in jaxnn.sweeps.__all__:
        value = getattr(jaxnn.sweeps, name)
        if id(value) not in same:
            found[f"jaxnn.sweeps.{name}"] = Name(f"jaxnn.sweeps.{name}", value, _find_page(value))
    for module in MODULES:
        for name in importlib.import_module(f"jaxnn.{module}").__all__:
            path = f"jaxnn.{module}.{name}"
            found[path] = Name(path, getattr(importlib.import_module(f"jaxnn.{module}"), name), f"nn.{module}")
    for name in jaxnn.integrations.__all__:
        value = getattr(jaxnn.integrations, name)
        if not inspect.ismodule(value):
            found[f"jaxnn.integrations.{name}"] = Name(f"jaxnn.integrations.{name}", value, f"nn.integrations.{name}")
    return found


def list_pages() -> dict[str, list[Name]]:
    """Returns the pages by title, each with its names in the order in which the modules define them."""
    pages: dict[str, list[Name]] = {title: [] for title in PAGES}
    for name in list_names().values():
        pages.setdefault(name.page, []).append(name)
    for title, modules in PAGES.items():
        pages[title].sort(key=functools.partial(_place, modules))
    return {title: names for title, names in pages.items() if names}


def list_members(value: type) -> list[str]:
    """Returns the public methods and properties of a class that jaxnn defines, in order of definition."""
    fields = getattr(value, "_fields", ())
    members = {}
    for base in reversed(value.__mro__):
        if base.__module__.startswith("jaxnn."):
            members |= vars(base)
    kinds = property, classmethod, staticmethod
    return [
        name
        for name, member in members.items()
        if not name.startswith("_")
        and name not in fields
        and (inspect.isfunction(member) or isinstance(member, kinds))
        and inspect.getdoc(getattr(value, name))
    ]


def find_name(text: str, near: str = "", without: Collection[str] = ()) -> str | None:
    """Returns the path that a text in backticks names, such as "Recipe.ema" or "nn.sweep(...)", or None.

    Args:
        text: what stands between the backticks.
        near: the path of the docstring that holds it, whose class and module are looked at first.
        without: names that mean something else there, such as parameters of the function.
    """
    match = re.fullmatch(r"(?:jaxnn\.|nn\.)?([A-Za-z_][\w.]*)(\(.*\))?", text, re.DOTALL)
    if match is None or text in without or "->" in text:
        return None
    qualified = text.startswith(("nn.", "jaxnn."))
    if qualified and match[1] in MODULES:
        return f"jaxnn.{match[1]}"
    parts = near.split(".")
    scopes = ["jaxnn"] if qualified else [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    known = _list_targets()
    return next((path for scope in scopes if (path := f"{scope}.{match[1]}") in known), None)


@functools.cache
def _list_targets() -> frozenset[str]:
    """Returns everything that a page has an anchor for: the names, and the methods and attributes of classes."""
    targets = set()
    for path, name in list_names().items():
        targets.add(path)
        if inspect.isclass(name.value):
            targets |= {f"{path}.{member}" for member in (*list_members(name.value), *list_attributes(name.value))}
    return frozenset(targets)


def list_attributes(value: type) -> list[str]:
    """Returns the attributes that the docstring of a class describes."""
    section = re.search(r"^Attributes:\n((?:[ ]{4}.*\n?|\n)+)", inspect.getdoc(value) or "", re.MULTILINE)
    found = re.findall(r"^[ ]{4}(\w[\w, ]*):", section[1], re.MULTILINE) if section else []
    return [name.strip() for names in found for name in names.split(",")]


def replace_backticks(text: str, link: Callable[[str, str], str], code: Callable[[str], str], **near: Any) -> str:
    """Replaces `text` in single backticks by `link(text, path)` where it names something, and by `code(text)`."""

    def replace(match: re.Match[str]) -> str:
        path = find_name(match[1], **near)
        return code(match[1]) if path is None else link(match[1], path)

    return re.sub(r"(?<!`)`([^`]+)`(?!`)", replace, text)


def _find_page(value: Any) -> str:
    module = getattr(value, "__module__", "").removeprefix("jaxnn.")
    for title, modules in PAGES.items():
        if any(module == each or module.startswith(f"{each}.") for each in modules):
            return title
    return list(PAGES)[-1]


def _place(modules: tuple[str, ...], name: Name) -> tuple[int, str, int]:
    """Returns where a name stands on its page: by module in the order of `PAGES`, and then as in the source."""
    module = getattr(name.value, "__module__", "").removeprefix("jaxnn.")
    order = next((n for n, each in enumerate(modules) if module == each or module.startswith(f"{each}.")), 0)
    return order, module, inspect.getsourcelines(name.value)[1]
