"""Pictures of data, training and networks with matplotlib (extra `plots`), which is imported when one is drawn.

Every function draws on axes it is given, so that pictures can be put together: `figure` makes them, without pyplot and
its global state, and `save` writes them.
"""

from jaxnn.plots.classifiers import confusion, decision_regions
from jaxnn.plots.curves import histogram, learning_curves
from jaxnn.plots.descents import animation, tangents
from jaxnn.plots.figures import COLOURS, MARKERS, figure, save
from jaxnn.plots.images import image
from jaxnn.plots.maps import feature_map
from jaxnn.plots.networks import network
from jaxnn.plots.surfaces import surface

__all__ = [
    "COLOURS",
    "MARKERS",
    "animation",
    "confusion",
    "decision_regions",
    "feature_map",
    "figure",
    "histogram",
    "image",
    "learning_curves",
    "network",
    "save",
    "surface",
    "tangents",
]
