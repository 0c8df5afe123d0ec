"""Small files that stand for much are refused with little memory and time."""

from __future__ import annotations

import pickle
import resource
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from uwe.cli import main
from uwe.cli.config_file import read_options
from uwe.data.unpickle import read_pickle
from uwe.errors import DataError, InputError

DEEP = 60


def in_a_dictionary(value: bytes) -> bytes:
    return b"\x80\x04}X\x01\x00\x00\x00a" + value + b"s."


def lists() -> bytes:
    body = b"]q\x00" + b"".join(
        b"](h" + bytes([at]) + b"h" + bytes([at]) + b"eq" + bytes([at + 1]) for at in range(DEEP)
    )
    return in_a_dictionary(body)


def hashed() -> bytes:
    """A tuple of tuples as a key: its hash takes 2 to the 60th steps."""
    body = b")q\x00" + b"".join(
        b"h" + bytes([at]) + b"h" + bytes([at]) + b"\x86q" + bytes([at + 1]) for at in range(DEEP)
    )
    return b"\x80\x04}" + body + b"K\x01s."


def hashed_in_set() -> bytes:
    body = b")q\x00" + b"".join(
        b"h" + bytes([at]) + b"h" + bytes([at]) + b"\x86q" + bytes([at + 1]) for at in range(DEEP)
    )
    return b"\x80\x04" + body + b"0\x8f(h" + bytes([DEEP]) + b"\x90."


def encoded() -> bytes:
    """A text of a megabyte, encoded ten thousand times."""
    text = b"X" + struct.pack("<I", 2**20) + b"a" * 2**20 + b"q\x00"
    name = b"c_codecs\nencode\nq\x01"
    call = b"h\x01h\x00X\x06\x00\x00\x00latin1\x86R"
    return b"\x80\x02" + text + name + b"](" + call * 10_000 + b"e."


BOMBS: dict[str, Callable[[], bytes]] = {
    "bytes of 4 TB": lambda: b"\x80\x04\x8e" + struct.pack("<Q", 2**42) + b"ab.",
    "text of 4 TB": lambda: b"\x80\x04\x8d" + struct.pack("<Q", 2**42) + b"ab.",
    "bytearray of 64 GB": lambda: b"\x80\x05\x96" + struct.pack("<Q", 2**36) + b"ab.",
    "frame of 4 TB": lambda: b"\x80\x04\x95" + struct.pack("<Q", 2**42) + b"ab.",
    "number of 2 GB": lambda: b"\x80\x04\x8b" + struct.pack("<i", 2**31 - 1) + b"ab.",
    "memo of 2^32": lambda: b"\x80\x04]r\xff\xff\xff\xff.",
    "text encoded again and again": encoded,
    "hashed tuples": hashed,
    "hashed tuples in a set": hashed_in_set,
    "deep": lambda: in_a_dictionary(b"]" * 100_000 + b"a" * 99_999),
    "holds itself": lambda: in_a_dictionary(b"]q\x00h\x00a"),
    "many sets": lambda: in_a_dictionary(b"](" + b"\x8f" * 2_000_001 + b"e"),
    "array of 2^60 rows": lambda: pickle.dumps({"a": np.zeros(2, np.uint8)}, protocol=4).replace(
        b"K\x02\x85", b"\x8a\x08" + struct.pack("<q", 2**60) + b"\x85", 1
    ),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.timeout(60)
def test_a_small_pickle_that_asks_for_much_is_refused(tmp_path: Path, name: str) -> None:
    """One line, before any time or memory is spent; never a MemoryError or a RecursionError."""
    path = tmp_path / "x.pkl"
    path.write_bytes(BOMBS[name]())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"x\.pkl") as caught:
        read_pickle(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # KiB


@pytest.mark.timeout(60)
def test_a_list_held_many_times_is_visited_once(tmp_path: Path) -> None:
    """A pickle of some hundred bytes that stands for 2 to the 60th lists is no hang."""
    path = tmp_path / "x.pkl"
    path.write_bytes(lists())
    try:
        content = read_pickle(path)
    except DataError:
        return
    assert content["a"][0] is content["a"][1]


def test_what_is_held_twice_is_read_right(tmp_path: Path) -> None:
    """Sharing is kept, and its arrays are whole."""
    shared = [np.arange(3, dtype=np.int64)]
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps({"a": shared, "b": (shared, shared)}))
    content = read_pickle(path)
    assert content["a"] is content["b"][0] is content["b"][1]
    assert content["a"][0].tolist() == [0, 1, 2]


LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + at)}: &{chr(98 + at)} [*{chr(97 + at)}, *{chr(97 + at)}]\n" for at in range(20)
)
CONFIGURATIONS = {
    "aliases": (LAUGHS, "alias"),
    "one alias": ("epochs: &n 3\nbatch: *n\n", "alias"),
    "deep": ("epochs: " + "[" * 50_000, "nested"),
    "deep mappings": ("epochs: " + "{a: " * 5_000, "nested"),
    "deep blocks": ("- " * 1_000 + "x", "nested"),
    "twice": ("epochs: 3\nepochs: 4\n", "twice"),
    "twice, spelt differently": ("run-tag: a\nrun_tag: b\n", "twice"),
    "tab": ("epochs: 3\n\tseeds: 3\n", "line 2"),
    "a tag": ("epochs: !!python/object/apply:os.getcwd []\n", "python/object"),
    "two documents": ("epochs: 3\n---\nepochs: 4\n", "line"),
    "a list": ("- epochs\n", "epochs: 10"),
    "a key that is a list": ("? [a, b]\n: 3\n", "line 1"),
    "control characters": ("epochs: \x01\n", "character"),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.timeout(60)
def test_an_odd_configuration_is_one_line(tmp_path: Path, name: str) -> None:
    """The file is named, and what is wrong; no file makes the message long."""
    text, told = CONFIGURATIONS[name]
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_options(path, ["epochs", "batch", "run-tag"], [])
    message = " ".join(str(caught.value).split())
    assert told in message
    assert str(path) in message
    assert len(message) < 400


@pytest.mark.parametrize("content", [b"run-tag: \xe9\n", b"\xff\xfee\x00p\x00", b"a" * 2_000_000])
def test_a_configuration_that_is_no_small_text_is_one_line(tmp_path: Path, content: bytes) -> None:
    """Latin-1, UTF-16, and a file that is far too large."""
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"c\.yaml") as caught:
        read_options(path, ["run-tag"], [])
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "written", ["007", "1_000", "2024-01-01", "1e3", "0x10", "yes", "12:30", "1.50", "'7'", "no"]
)
def test_text_in_a_configuration_keeps_its_letters(tmp_path: Path, written: str) -> None:
    """A tag 007 is 007, not 7, and a date is no object."""
    path = tmp_path / "c.yaml"
    path.write_text(f"run-tag: {written}\nbudgets: [010, 20]\n")
    found = read_options(path, ["run-tag", "budgets"], [])
    assert found == {"run-tag": written.strip("'"), "budgets": "010,20"}


def test_switches_are_true_or_false(tmp_path: Path) -> None:
    """Each word of YAML for them is known, false is as if the switch were not there."""
    path = tmp_path / "c.yaml"
    for word, value in (("true", True), ("yes", True), ("On", True)):
        path.write_text(f"supervised: {word}\n")
        assert read_options(path, ["supervised"], [], ["supervised"]) == {"supervised": value}
    for word in ("false", "no", "off", "null", "~", ""):
        path.write_text(f"supervised: {word}\n")
        assert read_options(path, ["supervised"], [], ["supervised"]) == {}
    path.write_text("supervised: 3\n")
    with pytest.raises(InputError, match=r"supervised is '3'; it must be true or false"):
        read_options(path, ["supervised"], [], ["supervised"])


def test_the_command_shows_no_alias(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message of a billion laughs is short, and nothing is written."""
    path = tmp_path / "c.yaml"
    path.write_text(LAUGHS)
    results = tmp_path / "r"
    assert main(["run", "digits", "--config", str(path), "--results", str(results)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert len(error) < 300
    assert not results.exists()


def test_a_bomb_needs_no_memory() -> None:
    """With 600 MB of address space above what is loaded, 4 TB are refused in words."""
    code = textwrap.dedent(
        """
        import resource, struct, tempfile
        from pathlib import Path
        from uwe.data.unpickle import read_pickle
        from uwe.errors import DataError
        used = int(open('/proc/self/statm').read().split()[0]) * 4096
        resource.setrlimit(resource.RLIMIT_AS, (used + 600 * 2**20,) * 2)
        path = Path(tempfile.mkdtemp()) / 'x.pkl'
        for code in (b'\\x8e', b'\\x8d', b'\\x96'):
            path.write_bytes(b'\\x80\\x05' + code + struct.pack('<Q', 2**42) + b'ab.')
            try:
                read_pickle(path)
            except DataError as error:
                print(error)
        """
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("claims") == 3
