"""WordPiece, the way in which BERT's family cuts words into pieces of a vocabulary (Devlin et al., 2019), for models given by path."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_LONGEST_WORD = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class WordPiece:
    """A vocabulary (piece → id) with BERT's special pieces; ``lower_case`` also takes accents off, as uncased models want."""

    vocabulary: Mapping[str, int]
    lower_case: bool = True

    def ids(self, text: str, *, longest: int) -> list[int]:
        """The ids of a text between [CLS] and [SEP], at most ``longest`` in all.

        >>> WordPiece(vocabulary={"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "loss": 3, "##es": 4, ".": 5}).ids("Losses.", longest=8)
        [1, 3, 4, 5, 2]
        """
        pieces = [piece for word in _words(text, lower_case=self.lower_case) for piece in self._pieces(word)]
        return [self.vocabulary["[CLS]"], *pieces[: longest - 2], self.vocabulary["[SEP]"]]

    def _pieces(self, word: str) -> Sequence[int]:
        unknown = [self.vocabulary["[UNK]"]]
        if len(word) > _LONGEST_WORD:
            return unknown
        found, start = [], 0
        while start < len(word):
            prefix = "##" if start else ""
            end = next((end for end in range(len(word), start, -1) if prefix + word[start:end] in self.vocabulary), None)
            if end is None:
                return unknown
            found.append(self.vocabulary[prefix + word[start:end]])
            start = end
        return found


def _words(text: str, *, lower_case: bool) -> list[str]:
    """Words and marks of punctuation, each mark by itself."""
    if lower_case:
        text = "".join(letter for letter in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(letter) != "Mn")
    return "".join(f" {letter} " if _stands_alone(letter) else letter for letter in text).split()


def _stands_alone(letter: str) -> bool:
    category = unicodedata.category(letter)
    return category[0] in "PS" or category in {"Cc", "Cf"} or "\u4e00" <= letter <= "\u9fff"
