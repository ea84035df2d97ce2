"""The encoder's WordPiece tokenizer: blind to half-spaces, keyboards and digit sets by construction.

All normalisation happens inside the (fast) tokenizer, which keeps the offsets of
every piece in the raw text, so nothing has to be normalised before it.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from persian_ner.characters import DIGIT_FOLDS, INVISIBLE, LETTER_FOLDS, MARKS

PAD, UNK, CLS, SEP, MASK = SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MAX_LENGTH = 512
STAND_IN = "•"


def normalizer() -> normalizers.Normalizer:
    """The same folding as :func:`persian_ner.characters.fold`, as a tokenizer normaliser."""
    steps: list[normalizers.Normalizer] = [
        normalizers.Replace(Regex(f"[{INVISIBLE}]"), ""),
        normalizers.NFKC(),
        normalizers.Lowercase(),
        normalizers.Replace(Regex(f"[{MARKS}]"), ""),
    ]
    for folds in (LETTER_FOLDS, DIGIT_FOLDS):
        steps += [normalizers.Replace(Regex(f"[{variants}]"), base) for base, variants in folds.items()]
    return normalizers.Sequence(steps)


def pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    """Words are runs of letters; a run of digits and every other character stand alone.

    The pipeline's own tokenizer cuts at the same places, and where two scripts meet («BBCفارسی»), so that no piece
    of a text in Persian letters spans two tokens.
    """
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex(r"\p{Nd}+|[^\p{L}\p{M}\p{Nd}]"), "isolated"),
        ]
    )


def train(texts: Iterable[str], vocab_size: int, alphabet_size: int = 400) -> Tokenizer:
    """Train a WordPiece vocabulary on raw texts; of characters, it has the ``alphabet_size`` commonest.

    The others are read as a bullet (see :func:`stand_in`).
    """
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNK, max_input_chars_per_word=64))
    tokenizer.normalizer = normalizer()
    tokenizer.pre_tokenizer = pre_tokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        limit_alphabet=alphabet_size,
        initial_alphabet=[STAND_IN],
        min_frequency=5,
        special_tokens=list(SPECIAL_TOKENS),
    )
    tokenizer.train_from_iterator(texts, trainer)
    stand_in(tokenizer)
    cls_id, sep_id = tokenizer.token_to_id(CLS), tokenizer.token_to_id(SEP)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{CLS} $A {SEP}",
        pair=f"{CLS} $A {SEP} $B:1 {SEP}:1",
        special_tokens=[(CLS, cls_id), (SEP, sep_id)],
    )
    return tokenizer


def stand_in(tokenizer: Tokenizer) -> None:
    """Let the tokenizer read each character that its vocabulary cannot spell (an emoji, a letter of a rare language)
    as «•»: the character costs one piece then, and not the word around it, which would be [UNK].

    A letter is known when there are pieces for it at the beginning of a word and inside.
    """
    vocabulary = tokenizer.get_vocab()
    known = [c for c in vocabulary if len(c) == 1 and (f"##{c}" in vocabulary or not _in_words(c))]
    other = Regex("[^\\s" + "".join(f"\\x{{{ord(c):X}}}" for c in sorted(known)) + "]")
    tokenizer.normalizer = normalizers.Sequence([normalizer(), normalizers.Replace(other, STAND_IN)])


def _in_words(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM" or unicodedata.category(character) == "Nd"


def save_for_transformers(tokenizer: Tokenizer, folder: Path) -> None:
    """Save so that ``AutoTokenizer`` loads it (a fast tokenizer, which keeps offsets).

    Not by transformers' own ``save_pretrained``: version 5 names a class that version 4 does not know.
    """
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PAD,
        "unk_token": UNK,
        "cls_token": CLS,
        "sep_token": SEP,
        "mask_token": MASK,
        "model_max_length": MAX_LENGTH,
        "clean_up_tokenization_spaces": False,
        "split_special_tokens": True,  # a text that says «[SEP]» means the letters
    }
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
