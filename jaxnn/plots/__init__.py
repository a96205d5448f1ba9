"""Plots of data, training and networks with matplotlib (extra `plots`), which is imported when a function is called.

Every function draws on axes that it is given, so that plots can be combined in one figure. `figure` makes the axes
without pyplot and its global state, and `save` writes the figure.
"""

from jaxnn.plots.classifiers import confusion, decision_regions
from jaxnn.plots.curves import histogram, learning_curves
from jaxnn.plots.descents import animation, tangents
from jaxnn.plots.figures import COLOURS, MARKERS, figure, save
from jaxnn.plots.images import image
from jaxnn.plots.maps import feature_map
from jaxnn.plots.networks import network
from jaxnn.plots.surfaces import surface
from jaxnn.plots.sweeps import importance, occupancy, parallel_coordinates, score_against, sweep_curves

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
    "importance",
    "learning_curves",
    "network",
    "occupancy",
    "parallel_coordinates",
    "save",
    "score_against",
    "surface",
    "sweep_curves",
    "tangents",
]
