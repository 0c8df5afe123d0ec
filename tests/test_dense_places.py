"""Outputs at places as rows of a pool: reductions, measures, checks, streams and files."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import uwe
from uwe.dense import MEASURES, REDUCTIONS, Reduction, cell_means
from uwe.errors import DataError, InputError
from uwe.pool_files import long_texts, open_maps, open_pool

FOUR = np.array([[[0.5, 0.5], [1.0, 0.0]], [[0.25, 0.75], [0.0, 1.0]]])  # [2, 2, 2]
QUARTER = 0.8112781244591328  # entropy of 1/4 and 3/4 in bits
FEATURES = np.array([[[1.0, 0.0, 2.0], [5.0, 5.0, 5.0]], [[0.0, 4.0, 0.0], [7.0, 7.0, 7.0]]])

HAND_WORKED = {
    # u = 1, 0, h, 0; the features are the probabilities, the predicted classes 0, 0, 1, 1
    "mean": ([(0.5 + QUARTER / 4) / 4, (0.5 + QUARTER * 3 / 4) / 4], (1 + QUARTER) / 4),
    "top": ([(0.5 + QUARTER / 4) / 2, (0.5 + QUARTER * 3 / 4) / 2], (1 + QUARTER) / 2),
    "max": ([0.5, 0.5], 1.0),
    "sum": ([0.5 + QUARTER / 4, 0.5 + QUARTER * 3 / 4], 1 + QUARTER),
    "class_mean": ([(0.25 + QUARTER / 8) / 2, (0.25 + QUARTER * 3 / 8) / 2], (1 + QUARTER) / 4),
}


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_an_image_of_four_pixels(reduce: str) -> None:
    """Each reduction of four pixels is the value that was worked out by hand."""
    pool = uwe.places([FOUR], reduce=reduce, top=0.5)
    features, uncertainty = HAND_WORKED[reduce]
    np.testing.assert_allclose(pool.features, [features], rtol=1e-6)
    assert pool.uncertainty[0] == pytest.approx(uncertainty)
    assert pool.counts.tolist() == [4]
    assert pool.features.dtype == np.float32


def test_two_boxes() -> None:
    """Two objects of three classes with features of their own, worked out by hand."""
    scores = np.array([[1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0.0]])
    features = np.array([[2.0, 0.0], [0.0, 4.0]])
    half = math.log(2) / math.log(3)
    pool = uwe.places([(scores, features)])
    np.testing.assert_allclose(pool.features, [[1.0, 2 * half]], rtol=1e-6)
    assert pool.uncertainty[0] == pytest.approx((1 + half) / 2)
    margin = uwe.places([(scores, features)], measure="margin", reduce="sum")
    np.testing.assert_allclose(margin.features, [[2.0, 4.0]], rtol=1e-6)
    least = uwe.places([(scores, features)], measure="least_confident", reduce="max")
    np.testing.assert_allclose(least.features, [[2.0, 0.0]], rtol=1e-6)
    objects = uwe.places([(np.array([[0.5, 0.1], [1.0, 0.9]]), features)], measure="objectness")
    np.testing.assert_allclose(objects.features, [[1.0, 0.0]], rtol=1e-6)
    assert objects.uncertainty.tolist() == [0.5]


@pytest.mark.parametrize("scores", [[0.25, 0.9], [[0.25], [0.9]]])
def test_one_score_is_the_probability_of_the_second_of_two_classes(scores: Any) -> None:
    """`[m]` and `[m, 1]` are the same as both classes written out."""
    both = uwe.places([np.array([[0.75, 0.25], [0.1, 0.9]])])
    alone = uwe.places([np.array(scores)])
    np.testing.assert_allclose(alone.features, both.features, rtol=1e-6)
    np.testing.assert_allclose(alone.uncertainty, both.uncertainty)


def test_features_of_a_coarser_grid_get_the_mean_uncertainty_of_their_cell() -> None:
    """Two cells, one for each row of pixels; a cell's class is that of its mean probabilities."""
    features = np.array([[[2.0]], [[10.0]]])  # [2, 1, 1]
    pool = uwe.places([FOUR], [features])
    assert pool.features[0, 0] == pytest.approx((2 * 0.5 + 10 * QUARTER / 2) / 2)
    assert pool.counts.tolist() == [2]
    without = uwe.places([FOUR], [features], background=1)
    assert without.features[0, 0] == pytest.approx(1.0)
    assert without.counts.tolist() == [1]


@settings(max_examples=30)
@given(
    st.integers(1, 7), st.integers(1, 7), st.integers(1, 7), st.integers(1, 7), st.integers(0, 9)
)
def test_cells_are_what_painting_each_pixel_finely_gives(
    h: int, w: int, rows: int, columns: int, seed: int
) -> None:
    """Means over cells are those of a grid that is a multiple of both sizes."""
    values = torch.from_numpy(np.random.default_rng(seed).random((h, w, 2)))
    fine = values.repeat_interleave(rows, 0).repeat_interleave(columns, 1)
    slow = fine.reshape(rows, h, columns, w, 2).mean((1, 3))
    torch.testing.assert_close(cell_means(values, (rows, columns)), slow)
    torch.testing.assert_close(
        cell_means(values, (rows, columns)).mean((0, 1)), values.mean((0, 1))
    )


def slow_twin(
    probs: np.ndarray[Any, Any], features: np.ndarray[Any, Any], **options: Any
) -> tuple[list[float], float]:
    """One place after another, in Python's own numbers."""
    measure, reduce = options["measure"], options["reduce"]
    of = {
        "entropy": lambda p: -sum(x * math.log(x) for x in p if x > 0) / math.log(len(p)),
        "margin": lambda p: 1 - (sorted(p)[-1] - sorted(p)[-2]),
        "least_confident": lambda p: (1 - max(p)) * len(p) / (len(p) - 1),
        "objectness": lambda p: -sum(x * math.log2(x) for x in (max(p), 1 - max(p)) if x > 0),
    }[measure]
    listed = [(of(p), f, int(np.argmax(p))) for p, f in zip(probs.tolist(), features, strict=True)]
    if reduce == "top":
        most = math.ceil(options["top"] * len(listed) - 1e-9)
        listed = sorted(listed, key=lambda each: -each[0])[:most]
    if reduce == "max":
        listed = [max(listed, key=lambda each: each[0])]
    groups = {c: [each for each in listed if each[2] == c] for _, _, c in listed}
    if reduce != "class_mean":
        groups = {0: listed}
    divide = {"sum": lambda _: 1}.get(reduce, len)
    z = sum(sum(u * f for u, f, _ in of) / divide(of) for of in groups.values()) / len(groups)
    u = sum(sum(u for u, _, _ in of) / divide(of) for of in groups.values()) / len(groups)
    return np.asarray(z).tolist(), u


@settings(max_examples=60)
@given(
    st.sampled_from(MEASURES),
    st.sampled_from(list(REDUCTIONS)),
    st.integers(2, 5),
    st.integers(1, 40),
    st.floats(0.01, 1.0),
    st.integers(0, 99),
)
def test_the_slow_twin(measure: str, reduce: str, c: int, m: int, top: float, seed: int) -> None:
    """Objects, and a map of the same places, give what a loop over the places gives."""
    rng = np.random.default_rng(seed)
    probs, features = rng.dirichlet(np.ones(c), m), rng.normal(size=(m, 3))
    options = {"measure": measure, "reduce": reduce, "top": top}
    z, u = slow_twin(probs, features, **options)
    for shape in ((m,), (m, 1)):
        row = Reduction(**options).of("x", probs.reshape(*shape, c), features.reshape(*shape, 3))
        np.testing.assert_allclose(row.features, z, atol=1e-9)
        assert row.uncertainty == pytest.approx(u, abs=1e-9)


@settings(max_examples=30)
@given(st.sampled_from(MEASURES), st.integers(0, 99))
def test_logits_and_the_order_of_axes(measure: str, seed: int) -> None:
    """Logits are probabilities before a softmax, to any constant; channels may come first."""
    logits = np.random.default_rng(seed).normal(size=(4, 5, 3)).astype(np.float32)
    powers = np.exp(logits)
    probs = powers / (1 + powers if measure == "objectness" else powers.sum(-1, keepdims=True))
    shift = 0 if measure == "objectness" else 50
    wanted = uwe.places([probs], measure=measure)
    for maps, axes in ((logits + shift, "hwc"), ((logits + shift).transpose(2, 0, 1), "chw")):
        found = uwe.places([maps], measure=measure, given="logits", axes=axes)
        np.testing.assert_allclose(found.features, wanted.features, rtol=2e-5)
        np.testing.assert_allclose(found.uncertainty, wanted.uncertainty, rtol=2e-5)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_types_of_numbers(kind: Any) -> None:
    """16 bits are computed in 32; every type gives the same up to its rounding."""
    pool = uwe.places([FOUR.astype(kind)])
    np.testing.assert_allclose(pool.features, [HAND_WORKED["mean"][0]], rtol=1e-3)


def test_features_of_16_bits_keep_the_weights_of_a_large_map() -> None:
    """Weights below the smallest number of 16 bits count, and sums beyond the largest one hold."""
    probs = np.full((300, 400, 2), (0.9999, 0.0001))
    features = np.full((300, 400, 3), 2.0)
    wide, narrow = (uwe.places([(probs, features.astype(kind))]) for kind in ("f4", "f2"))
    assert (wide.features > 0).all()
    np.testing.assert_allclose(narrow.features, wide.features, rtol=1e-5)
    summed = uwe.places([(probs * 0 + 0.5, features.astype("f2"))], reduce="sum")
    np.testing.assert_allclose(summed.features, 300 * 400 * 2.0)


def test_maps_whose_axes_are_in_another_order_are_said() -> None:
    """Probabilities are refused with the right axes; of logits a note tells them."""
    probs = np.random.default_rng(0).dirichlet(np.ones(3), (20, 30))
    first = np.moveaxis(probs, -1, 0)
    for outputs, axes, wanted in ((first, "hwc", "chw"), (probs, "chw", "hwc")):
        with pytest.raises(DataError, match=f"its 3 numbers of another axis do.*axes={wanted}"):
            uwe.places([outputs], axes=axes)
        [note] = uwe.places([np.log(outputs)], axes=axes, given="logits").notes
        assert (
            f"far fewer rows or columns; if their axes are in another order, say axes={wanted}"
            in note
        )
    assert uwe.places([np.log(first)], axes="chw", given="logits").notes == ()


def test_equal_places_count_in_their_order() -> None:
    """Of places of equal uncertainty, the first ones are the most uncertain."""
    probs = np.full((5, 2), 0.5)
    features = np.arange(5.0)[:, None]
    assert uwe.places([(probs, features)], reduce="max").features.tolist() == [[0.0]]
    assert uwe.places([(probs, features)], reduce="top", top=0.4).features.tolist() == [[0.5]]
    thirty = (np.full((30, 2), 0.5), np.arange(30.0)[:, None])
    assert uwe.places([thirty], reduce="top", top=0.1).features.tolist() == [[1.0]]


def test_an_image_without_a_detection() -> None:
    """Its features are 0, its uncertainty is `empty`, and a note counts such images."""
    boxes = [np.zeros((0, 3)), np.full((2, 3), 1 / 3), np.zeros((0, 3))]
    pool = uwe.places(boxes, empty=0.25, ids=["a", "b", "c"])
    assert pool.features[0].tolist() == [0.0, 0.0, 0.0]
    assert pool.uncertainty.tolist() == [0.25, 1.0, 0.25]
    assert pool.counts.tolist() == [0, 2, 0]
    assert pool.notes[0].startswith("2 of 3 images have no place that counts, such as a: features")
    ragged = uwe.places([[], [0.5], []])
    assert ragged.features.tolist() == [[0, 0], [0.5, 0.5], [0, 0]]
    beside = uwe.places([([], []), (np.ones((1, 2)) / 2, np.ones((1, 4)))])
    assert beside.features.shape == (2, 4)
    only = uwe.places([np.array([[0.1, 0.9]])], background=1)
    assert (only.counts.tolist(), only.uncertainty.tolist()) == ([0], [0.0])
    with pytest.raises(InputError, match=r"none of the 2 images has a place.*\[0, classes\]"):
        uwe.places([[], []])


def test_background_does_not_count() -> None:
    """Objects whose most probable class is the background are left out."""
    scores = np.array([[0.5, 0.4, 0.1], [0.1, 0.1, 0.8]])
    pool = uwe.places([scores], background=2)
    alone = uwe.places([scores[:1]])
    assert pool.features.tolist() == alone.features.tolist()
    assert pool.counts.tolist() == [1]
    with pytest.raises(InputError, match=r"background is class 3, but image 0 has 3 classes \(0 t"):
        uwe.places([scores], background=3)


NOT_ALLOWED = {
    "logits": (FOUR * 8 - 4, {}, "img is given as probabilities, but holds -4; say given=logits"),
    "large": (FOUR + 1, {}, "img is given as probabilities, but holds 2; say given=logits"),
    "sums": (
        FOUR * 0.5, {}, r"img is given as probabilities, but row 0, column 0 sums to 0\.5, not 1",
    ),
    "sums of objects": (
        np.array([[0.5, 0.5], [0.2, 0.2]]), {}, r"but object 1 sums to 0\.4, not 1; .*objectness",
    ),
    "not a number": (np.where(FOUR == 0.75, np.nan, FOUR), {}, "img .*infinity at row 1, column 0"),
    "infinite logit": (
        np.where(FOUR == 0.75, np.inf, FOUR), {"given": "logits"}, "infinity at row 1, column 0",
    ),
    "features": (
        (FOUR, np.full((2, 2, 1), np.nan)), {}, "the features of img holds NaN .* row 0, column 0",
    ),
    "a score of 2": (np.array([2.0]), {"measure": "objectness"}, "holds 2"),
    "objects and features": (
        (np.ones((2, 2)) / 2, np.ones((3, 4))), {}, "img has 2 objects, but features of 3 objects",
    ),
    "flat features": ((FOUR, np.ones((4, 3))), {}, r"shape \(4, 3\).* need three axes"),
    "no classes": (np.zeros((3, 0)), {}, r"img has the shape \(3, 0\), without a class"),
    "four axes": (np.ones((1, 2, 2, 2)), {}, "a map has three axes, and scores of objects have tw"),
    "words": (np.array([["a"]]), {}, "img holds text, not numbers"),
    "reduction": (FOUR, {"reduce": "men"}, "unknown reduction 'men'; did you mean 'mean'"),
    "measure": (FOUR, {"measure": "bvsb"}, "unknown measure 'bvsb'"),
    "axes": (FOUR, {"axes": "whc"}, "unknown order of axes 'whc'"),
    "given": (FOUR, {"given": "scores"}, "unknown form of outputs 'scores'"),
    "top": (FOUR, {"top": 0.0}, "top must be above 0 and at most 1, not 0.0"),
    "empty": (FOUR, {"empty": -1.0}, "empty must be at least 0, not -1.0"),
    "background": (FOUR, {"background": -1}, "background must be the number of a class, not -1"),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_ALLOWED)
def test_what_is_refused_names_the_image(case: str) -> None:
    """One line with the image and its place, or the option, and both values."""
    outputs, options, words = NOT_ALLOWED[case]
    with pytest.raises((InputError, DataError), match=words) as error:
        uwe.places([outputs], ids=["img"], **options)
    assert "\n" not in str(error.value)


def test_images_that_differ_are_named() -> None:
    """Both images and both numbers of classes or features."""
    with pytest.raises(InputError, match="b has 3 classes, but a has 2; all images need the same"):
        uwe.places([np.ones((1, 2)) / 2, np.ones((1, 3)) / 3], ids=["a", "b"])
    pairs = [(np.ones((1, 2)) / 2, np.ones((1, d))) for d in (4, 5)]
    with pytest.raises(InputError, match="image 1 has 5 features, but image 0 has 4"):
        uwe.places(pairs)


def test_probabilities_given_as_logits_are_noted() -> None:
    """A softmax of probabilities is possible, so it is a note, unless other logits are there."""
    pool = uwe.places([FOUR], given="logits")
    assert "if they are probabilities, say given=probs" in pool.notes[-1]
    assert uwe.places([FOUR, FOUR * 3], given="logits").notes == ()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"outputs": []}, "there are no outputs"),
        ({"outputs": [FOUR], "ids": ["a", "b"]}, "there are 2 ids, but 1 images"),
        ({"outputs": iter([FOUR, FOUR]), "ids": ["a"]}, "there are 1 ids, but more images"),
        ({"outputs": [FOUR, FOUR], "ids": ["a", "a"]}, "'a'.*repeats|repeats.*'a'"),
        ({"outputs": [FOUR, FOUR], "features": [FOUR]}, "features of 1 images, but more outputs"),
        ({"outputs": [FOUR], "features": [FOUR, FOUR]}, "features of more images than outputs"),
        ({"outputs": [(FOUR, FOUR)], "features": [FOUR]}, "image 0 is a tuple, and features="),
        ({"outputs": "maps", "features": [FOUR]}, "features= goes with a stream"),
        ({"outputs": "nowhere"}, "there is no folder nowhere of maps"),
    ],
)
def test_streams_that_do_not_fit(arguments: dict[str, Any], words: str) -> None:
    """Numbers of images, ids and features must agree."""
    with pytest.raises((InputError, DataError), match=words):
        uwe.places(**arguments)


def test_a_stream_is_never_held() -> None:
    """When an item is asked for, every item before the last one is gone."""
    seen: list[weakref.ref[Any]] = []

    def maps() -> Iterator[Any]:
        for _ in range(10):
            assert sum(each() is not None for each in seen) <= 1
            item = FOUR.copy()
            seen.append(weakref.ref(item))
            yield item

    assert len(uwe.places(maps())) == 10


def test_progress_tells_how_many_images_are_done() -> None:
    """One report an image, with the total where it is known."""
    told: list[tuple[int, int]] = []
    uwe.places([FOUR] * 3, progress=lambda stage: told.append((stage.done, stage.total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_pool_that_is_saved_is_selected_from_as_one_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`save` writes what `uwe select` reads, also where the ids do not fit a header."""
    rng = np.random.default_rng(0)
    pool = uwe.places(
        (rng.dirichlet(np.ones(3), (4, 4)) for _ in range(30)),
        ids=[f"{row}.png" for row in range(30)],
    )
    picks = uwe.select(pool.features, 5, uncertainty=pool.uncertainty)
    for limit in (long_texts.HEADER_LIMIT, 300):
        monkeypatch.setattr(long_texts, "HEADER_LIMIT", limit)
        pool.save(tmp_path / "pool.safetensors")
        file = open_pool(tmp_path / "pool.safetensors")
        again = uwe.select(file.read("features"), 5, uncertainty=file.read("uncertainty"))
        assert again.rows.tolist() == picks.rows.tolist()
        assert file.ids(30) == list(pool.ids)
    with pytest.raises(InputError, match=r"pool\.npz must end in \.safetensors"):
        pool.save(tmp_path / "pool.npz")


# folders


def test_a_folder_of_maps_is_a_stream(tmp_path: Path) -> None:
    """`.npy` and `.npz` in the order of their names; ids are the names; torch keeps its threads."""
    before = torch.get_num_threads()
    np.save(tmp_path / "b.npy", FOUR[:, ::-1])
    np.save(tmp_path / "c.npy", np.asfortranarray(FOUR))
    np.savez(tmp_path / "a.npz", probs=FOUR)
    np.savez_compressed(tmp_path / "d.npz", anything=FOUR.astype(np.float32))
    pool = uwe.places(tmp_path)
    assert pool.ids == ("a", "b", "c", "d")
    np.testing.assert_allclose(pool.features, [HAND_WORKED["mean"][0]] * 4, rtol=1e-6)
    assert uwe.places(str(tmp_path), ids=range(4)).ids == ("0", "1", "2", "3")
    assert torch.get_num_threads() == before


def test_features_stand_beside_the_outputs_in_a_npz(tmp_path: Path) -> None:
    """The same as a pair in a stream."""
    np.savez(tmp_path / "a.npz", logits=FOUR, features=FEATURES)
    pool = uwe.places(tmp_path, given="logits")
    assert (
        pool.features.tolist() == uwe.places([(FOUR, FEATURES)], given="logits").features.tolist()
    )


def test_many_maps_of_a_folder_keep_their_order(tmp_path: Path) -> None:
    """Threads that work ahead change neither rows nor ids."""
    rng = np.random.default_rng(0)
    maps = [rng.dirichlet(np.ones(3), (3 + row % 2, 4)) for row in range(20)]
    for row, each in enumerate(maps):
        np.save(tmp_path / f"{row:02d}.npy", each)
    pool = uwe.places(tmp_path)
    np.testing.assert_array_equal(pool.features, uwe.places(maps).features)


@pytest.mark.parametrize(
    ("name", "arrays", "words"),
    [
        ("a.npz", {"logits": FOUR}, r"a\.npz holds logits, not probs; say given=logits"),
        ("a.npz", {"x": FOUR, "y": FOUR}, r"a\.npz holds x, y; a map is an array probs or logits"),
        ("a.npz", {"features": FOUR}, r"a\.npz holds features; a map is"),
        ("a.npy", None, r"cannot read .*a\.npy"),
    ],
)
def test_files_that_hold_no_map(
    tmp_path: Path, name: str, arrays: dict[str, Any] | None, words: str
) -> None:
    """The line names the file and what it holds."""
    np.save(tmp_path / "0.npy", FOUR)
    if arrays is None:
        (tmp_path / name).write_bytes((tmp_path / "0.npy").read_bytes()[:-8])
    else:
        np.savez(tmp_path / name, **arrays)
    with pytest.raises(DataError, match=words):
        uwe.places(tmp_path)


def test_a_folder_without_maps_or_with_two_of_a_name(tmp_path: Path) -> None:
    """Both are one line."""
    with pytest.raises(DataError, match="holds no maps; a map is a file"):
        uwe.places(tmp_path)
    np.save(tmp_path / "a.npy", FOUR)
    np.savez(tmp_path / "a.npz", FOUR)
    with pytest.raises(DataError, match="holds two maps of 'a'"):
        uwe.places(tmp_path)


def test_the_classes_of_a_map_can_be_drawn(tmp_path: Path) -> None:
    """`predicted` is the most probable class of each pixel, for any order of axes."""
    np.save(tmp_path / "hwc.npy", FOUR)
    np.save(tmp_path / "chw.npy", FOUR.transpose(2, 0, 1))
    np.save(tmp_path / "one.npy", FOUR[..., 1:])
    maps = open_maps(tmp_path)
    for name, axes in (("hwc", "hwc"), ("chw", "chw"), ("one", "hwc")):
        found = maps.predicted(name, axes=axes)
        assert (found.dtype, found.tolist()) == (np.uint8, [[0, 0], [1, 1]])
    assert maps.read("hwc")[0].tolist() == FOUR.tolist()
    with pytest.raises(InputError, match="unknown map 'hcw'; did you mean"):
        maps.read("hcw")
