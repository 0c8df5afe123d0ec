"""Boxes and masks over images: which pixels are painted, in which colour, and what is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uwe.errors import InputError
from uwe.selecting.overlays import DrawnBoxes, DrawnMask, class_colour, legend, overlaid

Image = pytest.importorskip("PIL.Image")

ORANGE, BLUE, BLACK = (230, 159, 0), (86, 180, 233), (0, 0, 0)
GREY = (100, 100, 100)


def grey(width: int, height: int) -> object:
    return Image.new("RGB", (width, height), GREY)


def one_box(corners: list[float], size: tuple[int, int], number: int = 0) -> DrawnBoxes:
    return DrawnBoxes(np.array([corners]), [number], ("a", "b"), size)


def test_a_box_is_an_outline_between_dark_edges() -> None:
    """A box of 2..8 paints the pixels 2 and 7; beside them is black, and the middle is left."""
    found = overlaid(grey(20, 20), one_box([2, 2, 8, 8], (20, 20)))
    line = [found.getpixel((x, 5)) for x in range(10)]
    assert line == [GREY, BLACK, ORANGE, BLACK, GREY, GREY, BLACK, ORANGE, BLACK, GREY]


def test_boxes_are_stretched_to_the_image() -> None:
    """Corners of an image of twice the size are halved."""
    small = overlaid(grey(20, 20), one_box([4, 4, 16, 16], (40, 40)))
    assert np.array_equal(small, overlaid(grey(20, 20), one_box([2, 2, 8, 8], (20, 20))))


def test_a_mask_keeps_the_image_visible_and_its_borders_bright() -> None:
    """Of four pixels in a row, two a class: the inner ones of the second class are its colour."""
    mask = np.array([[0, 0, 1, 1]] * 3, np.uint8)
    found = overlaid(grey(4, 3), DrawnMask(mask, ("a", "b")))
    mixed = tuple(round(g + 0.42 * (o - g)) for g, o in zip(GREY, ORANGE, strict=True))
    assert found.getpixel((0, 1)) == mixed
    assert found.getpixel((2, 1)) == BLUE


def test_ignored_pixels_stay_as_they_are() -> None:
    """A pixel of the ignore value is the image's own, at a border of classes too."""
    mask = np.array([[0, 255], [255, 0]], np.uint8)
    found = overlaid(grey(2, 2), DrawnMask(mask, ("a",), ignore=255))
    assert found.getpixel((1, 0)) == GREY
    assert found.getpixel((1, 1)) == ORANGE


def test_a_mask_is_stretched_without_new_classes() -> None:
    """A mask of two pixels over four: two pixels each."""
    found = overlaid(Image.new("RGB", (4, 1)), DrawnMask(np.array([[0, 1]], np.uint8), ("a", "b")))
    first, second, third, _ = (found.getpixel((x, 0)) for x in range(4))
    assert first == second != third


def test_labels_stand_where_they_hide_no_other() -> None:
    """Of two boxes at one place only the surer one has its label."""
    corners = np.array([[20.0, 60, 180, 160], [20, 60, 180, 160]])
    both = DrawnBoxes(corners, [0, 1], ("a", "b"), (200, 200), [0.5, 0.9])
    shown = np.asarray(overlaid(grey(200, 200), both))[40:58]
    assert (shown == BLUE).all(-1).any()
    assert not (shown == ORANGE).all(-1).any()


def test_small_images_have_no_letters() -> None:
    """Above the box of a 64-pixel image nothing is painted but its dark edge."""
    shown = np.asarray(overlaid(grey(64, 64), one_box([10, 30, 60, 60], (64, 64))))
    assert (shown[:29] == GREY).all()


def test_detections_that_are_drawn_are_sure_and_are_boxes() -> None:
    """Rows below the least score, and rows of zeros, are left out."""
    rows = np.array([[1, 2, 3, 4, 0.8, 1], [1, 2, 3, 4, 0.2, 0], [0, 0, 0, 0, 0, 0]], np.float32)
    drawn = DrawnBoxes.of_detections(rows, ("a", "b"), (9, 9))
    assert (drawn.corners.tolist(), drawn.classes) == ([[1, 2, 3, 4]], [1])
    assert len(DrawnBoxes.of_detections(rows, ("a", "b"), (9, 9), least=0.1).classes) == 2


def test_the_legend_names_the_classes_that_occur() -> None:
    """Classes come once, by number; one without a name is numbered; ignored ones do not count."""
    boxes = DrawnBoxes(np.zeros((3, 4)), [1, 0, 1], ("a", "b"), (9, 9))
    assert legend(boxes) == [("a", class_colour(0)), ("b", class_colour(1))]
    mask = DrawnMask(np.array([[2, 9]], np.uint8), ("a", "b"), ignore=9)
    assert legend(mask) == [("class 2", class_colour(2))]


def test_unequal_numbers_of_boxes_and_classes_are_refused() -> None:
    """The error names all three numbers."""
    with pytest.raises(InputError, match="1 boxes, but 2 classes and 2 scores"):
        DrawnBoxes(np.zeros((1, 4)), [0, 1], ("a", "b"), (9, 9))


def test_an_image_without_boxes_is_as_it_was() -> None:
    """No box: the same pixels, in RGB."""
    none = DrawnBoxes(np.zeros((0, 4)), [], ("a",), (30, 20))
    assert np.array_equal(overlaid(grey(30, 20).convert("L"), none), np.asarray(grey(30, 20)))


def test_many_classes_have_many_colours() -> None:
    """No two of 150 classes share a colour."""
    assert len({class_colour(at) for at in range(150)}) == 150


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(-50, 250)] * 4), max_size=12),
    st.tuples(st.integers(1, 200), st.integers(1, 200)),
    st.sampled_from([("a", "b"), ("cell", "\u7d30\u80de"), ("\u00e9", "x" * 200)]),
)
def test_any_box_can_be_drawn(
    corners: list[tuple[float, ...]], size: tuple[int, int], names: tuple[str, str]
) -> None:
    """Boxes outside, turned round or without an area leave an image of the same size."""
    at = np.array(corners, dtype=np.float64).reshape(-1, 4)
    drawn = DrawnBoxes(at, [row % 2 for row in range(len(at))], names, (200, 200))
    assert overlaid(grey(*size), drawn).size == size
