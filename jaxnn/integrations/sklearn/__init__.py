"""Estimators of scikit-learn (extra `sklearn`): networks for its pipelines, searches and cross-validation.

They are reached as `jaxnn.integrations.sklearn`, which imports scikit-learn when it is first used.
"""

try:
    import sklearn as _sklearn
except ImportError as error:
    raise ImportError("estimators of scikit-learn need an extra: pip install 'jaxnn[sklearn]'") from error

from jaxnn.integrations.sklearn.classifier import NetworkClassifier
from jaxnn.integrations.sklearn.regressor import NetworkRegressor
from jaxnn.integrations.sklearn.search import SweepSearchCV
from jaxnn.integrations.sklearn.weights import coefficients, load

__all__ = ["NetworkClassifier", "NetworkRegressor", "SweepSearchCV", "coefficients", "load"]

del _sklearn
