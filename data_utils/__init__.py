"""From a name or a path to verified arrays; knows nothing of the rest of the program.

`load_dataset` (loading.py) picks the loader: `digits`, `synthetic`, `images` (which uses `sources`,
`lookup`, `download`, `files`, and `idx` or `cifar`) or `arrays` (which uses `checks` and
`standardise`). All return a `Dataset`, and all raise `DatasetError` for data that cannot be used.
"""

from data_utils.dataset import Dataset, DatasetDescription
from data_utils.errors import DatasetError
from data_utils.loading import DATASETS, load_dataset

__all__ = ["DATASETS", "Dataset", "DatasetDescription", "DatasetError", "load_dataset"]
