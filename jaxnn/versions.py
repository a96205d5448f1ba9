"""What a report of a bug needs to say about the installation."""

import importlib.metadata
import platform
import re
import sys

import jax

from jaxnn.devices import count_cores

# Of JAX: plugins bring the devices, and a version that does not fit is a common cause of errors.
_PLUGINS = ("jax-cuda12-plugin", "jax-cuda13-plugin", "libtpu")


def show_versions() -> None:
    """Prints the versions of Python and of the packages that jaxnn works with, the machine, and JAX's devices.

    Put it into reports of bugs. It names no host, user or path.

    Example:
        >>> import jaxnn as nn
        >>> nn.show_versions()  # doctest: +ELLIPSIS
        jaxnn         ...
        python        ...
        devices       ...
    """
    import jaxnn  # not above: this module is imported while jaxnn itself is

    facts = {"jaxnn": jaxnn.__version__, "python": f"{platform.python_version()} ({sys.implementation.name})"}
    facts |= {"system": f"{platform.system()} {platform.release()} {platform.machine()}", "cores": str(count_cores())}
    facts |= _find_versions()
    options = {name: getattr(jax.config, name) for name in ("jax_enable_x64", "jax_default_matmul_precision")}
    facts |= {name: str(value) for name, value in options.items()}
    facts["devices"] = ", ".join(f"{device.platform}: {device.device_kind}" for device in jax.devices())
    width = max(map(len, facts)) + 1
    for name, value in facts.items():
        print(f"{name:<{width}} {value}")


def _find_versions() -> dict[str, str]:
    """Returns the installed versions of what jaxnn and its extras need."""
    versions = {}
    for name in [*_list_requirements(), *_PLUGINS]:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _list_requirements() -> list[str]:
    """Returns the packages that jaxnn and its extras need, those of the library first; none of a source tree."""
    try:
        needed = importlib.metadata.requires("jaxnn") or []
    except importlib.metadata.PackageNotFoundError:
        return ["jax", "jaxlib", "optax", "numpy"]
    wanted = [line for line in needed if not re.search(r"extra == .(test|lint)", line)]
    names = [match[0] for line in wanted if (match := re.match(r"[A-Za-z0-9._-]+", line))]
    return [name for name in dict.fromkeys(names) if name != "jaxnn"]
