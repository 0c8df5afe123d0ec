"""What a folder of sentence-transformers says about how its texts become vectors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uwe.errors import InputError
from uwe.models.pooling import named_poolings

__all__ = ["SentenceSettings", "read_sentence_settings"]

_IGNORED = frozenset(["Dropout"])  # which does nothing when nothing is trained


@dataclass(frozen=True)
class SentenceSettings:
    """How a model of sentence-transformers makes a vector of a text.

    Attributes:
        folder: of the transformer below the model's, empty where it is the same.
        poolings: names of `POOLINGS`, joined in this order.
        normalised: whether vectors are divided by their length at the end.
        longest: tokens that are read of a text; None where the tokenizer decides.
        lower: whether texts are written in small letters first.
        prompt: text that is put before each text.
    """

    folder: str
    poolings: tuple[str, ...]
    normalised: bool
    longest: int | None
    lower: bool
    prompt: str


def read_sentence_settings(
    name: str, find: Callable[[str], Path | None]
) -> SentenceSettings | None:
    """Read ``modules.json`` and the files that it names; None where there is none.

    Args:
        name: of the model, for an error.
        find: gives the file of a path below the model, or None.

    Raises:
        InputError: a module is none of Transformer, Pooling and Normalize.
    """
    path = find("modules.json")
    if path is None:
        return None
    modules = _json(path)
    kinds = {str(each.get("type", "")).rpartition(".")[2]: each for each in modules}
    unknown = sorted(set(kinds) - {"Transformer", "Pooling", "Normalize"} - _IGNORED)
    if unknown or "Transformer" not in kinds or "Pooling" not in kinds:
        what = f"has the module {unknown[0]}" if unknown else "lacks a Transformer or a Pooling"
        raise InputError(
            f"model {name} of sentence-transformers {what}, which uwe does not apply; give "
            "module:factory that returns (None, embeddings) of its encode()"
        )
    folder = str(kinds["Transformer"].get("path", "")).strip("/")
    place = f"{kinds['Pooling'].get('path', '')}/config.json"
    pooling = _optional_json(find(place))
    own = _optional_json(find("/".join(filter(None, [folder, "sentence_bert_config.json"]))))
    prompt = _prompt(_optional_json(find("config_sentence_transformers.json")))
    if prompt and pooling.get("include_prompt") is False:
        raise InputError(
            f"model {name} leaves its prompt {prompt!r} out of the pooling, which uwe does not; "
            "give module:factory"
        )
    longest = own.get("max_seq_length")
    return SentenceSettings(
        folder,
        named_poolings(pooling, f"{place} of model {name}"),
        "Normalize" in kinds,
        longest if isinstance(longest, int) else None,
        own.get("do_lower_case") is True,
        prompt,
    )


def _prompt(settings: Mapping[str, Any]) -> str:
    """The prompt that is used where none is asked for."""
    name = settings.get("default_prompt_name")
    return str((settings.get("prompts") or {}).get(name, "")) if name else ""


def _optional_json(path: Path | None) -> Any:
    return {} if path is None else _json(path)


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
