"""scikit-learn's handwritten digits: small, bundled, at hand everywhere."""

from __future__ import annotations

import numpy as np

from uwe._types import Images
from uwe.data.dataset import Dataset
from uwe.data.request import Request
from uwe.data.source import EncodedRows, Source, as_lazy, as_source, fitted
from uwe.data.splits import Preparation, Split, fingerprint_of
from uwe.errors import InputError
from uwe.tasks import classification

__all__ = ["load_digits"]

_PREPARATION = Preparation(mean=(0.2872,), std=(0.3540,), batch=32)
_WHITE = 16  # the largest value of a pixel, which becomes 240


def load_digits(request: Request) -> Dataset:
    """Handwritten digits, 8x8, 10 classes, 1,797 images; comes with scikit-learn.

    Values 0 to 16 become 0 to 240. There is one split; a fifth of it is held out.

    Raises:
        InputError: a folder is given, which it has no use for.
    """
    if request.data_dir is not None:
        raise InputError(
            f"digits comes with scikit-learn and reads no files, but --data-dir is "
            f"{request.data_dir}; leave it out"
        )
    source = _source(request)
    images = np.stack(list(fitted(source, request)))
    train = Split(images[~source.is_test], source.rows.y[~source.is_test])
    test = Split(images[source.is_test], source.rows.y[source.is_test])
    return Dataset(
        name=request.name,
        train=train,
        test=test,
        task=classification(source.classes),
        preparation=_PREPARATION,
        ids=tuple(source.rows.ids[row] for row in np.flatnonzero(~source.is_test)),
        fingerprint=fingerprint_of(train, test, source.classes),
        notes=source.notes,
    )


def _source(request: Request) -> Source:
    from sklearn import datasets  # takes a second, and no other data set needs it

    bunch = datasets.load_digits()
    scaled: Images = bunch.images.astype(np.uint8)[..., None] * np.uint8(240 // _WHITE)
    rows = EncodedRows(
        y=bunch.target.astype(np.int64),
        ids=tuple(map(str, range(len(scaled)))),
        images=lambda: as_lazy(scaled),
    )
    return as_source(request, tuple(map(str, bunch.target_names)), rows, None)
