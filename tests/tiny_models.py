"""Folders of tiny models of ``transformers`` with random weights, and texts that can be learnt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

__all__ = ["WORDS", "encoder", "image_network", "reviews", "save_tokenizer", "texts_array"]

WORDS = ("good", "fine", "great", "bad", "poor", "awful", "where", "which", "who", "film", "meal",
         "the", "a", "was", "it", "very")  # fmt: skip
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_GROUPS = (WORDS[:3], WORDS[3:6], WORDS[6:9])


def save_tokenizer(folder: Path, words: Sequence[str] = WORDS) -> None:
    """A WordPiece tokenizer of some words."""
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join([*_SPECIAL, *words]))
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)


def encoder(
    folder: Path, kind: str = "Bert", *, words: Sequence[str] = WORDS, seed: int = 0, **more: Any
) -> str:
    """A small BERT or DistilBERT with its tokenizer; its name for ``--model``."""
    import transformers

    sizes = {
        "Bert": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
                 "intermediate_size": 64, "max_position_embeddings": 64},
        "DistilBert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64,
                       "max_position_embeddings": 64},
    }[kind]  # fmt: skip
    torch.manual_seed(seed)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(words) + len(_SPECIAL), **{**sizes, **more}
    )
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
    save_tokenizer(folder, words)
    return f"hf:{folder}"


def image_network(folder: Path, *, side: int = 16) -> str:
    """A small ViT with its image processor; its name for ``--model``."""
    import transformers

    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        image_size=side, patch_size=4,
    )  # fmt: skip
    transformers.ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        '{"image_processor_type": "ViTImageProcessor", "image_mean": [0.5, 0.5, 0.5], '
        '"image_std": [0.5, 0.5, 0.5]}'
    )
    return f"hf:{folder}"


def reviews(n: int, *, classes: int = 3, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Texts of one to twelve words, and their classes, which a word of each text gives away."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    texts = []
    for of in y.tolist():
        filling = rng.choice(WORDS[9:], size=int(rng.integers(0, 12))).tolist()
        filling.insert(int(rng.integers(0, len(filling) + 1)), str(rng.choice(_GROUPS[of])))
        texts.append(" ".join(filling))
    return texts, y


def texts_array(texts: Sequence[str]) -> Any:
    """Texts as the rows of a data set."""
    found = np.empty(len(texts), dtype=object)
    found[:] = list(texts)
    return found
