"""What is used of scikit-learn beyond its public names, in one place.

A search must divide, route and score as scikit-learn does, and it has no public functions for that.
"""

import sklearn

try:
    from sklearn.metrics._scorer import _MultimetricScorer as MultimetricScorer
    from sklearn.metrics._scorer import _PassthroughScorer as PassthroughScorer
    from sklearn.utils.metaestimators import _safe_split as select_rows
    from sklearn.utils.validation import _check_method_params as select_params
    from sklearn.utils.validation import _check_sample_weight as check_sample_weight
except ImportError as error:
    raise ImportError(
        f"jaxnn.integrations.sklearn was made with scikit-learn 1.6 to 1.9; scikit-learn {sklearn.__version__} lacks "
        f"something that it needs ({error}). Install one of those versions, or a later jaxnn"
    ) from error

__all__ = ["MultimetricScorer", "PassthroughScorer", "check_sample_weight", "select_params", "select_rows"]
