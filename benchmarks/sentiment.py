"""Sentiment of labelled sentences of finance: VADER alone and the finance scorer side by side, and the stance of sentences of the FOMC.

The corpora lie in ``CRFS_SHARED/recordings/sentiment_labelled`` and do not ship; without them nothing is measured. What was fixed before
the first measurement, and what was looked at, stands in docs/reference/sentiment.md.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.report import keep, machine

CORPORA = Path(os.environ.get("CRFS_SHARED") or Path(__file__).parents[2] / "shared") / "recordings" / "sentiment_labelled"
BARS = {"accuracy": 0.68, "macro_f1": 0.62, "sign_accuracy": 0.90}
"""What the finance scorer has to reach on PhraseBank's sentences of which all annotators agree."""
SEMEVAL_BAND = 0.1
"""A headline whose label is nearer to 0 is neutral: a choice, since the labels are numbers."""
ROUNDS = 3
_PHRASEBANK = {"positive": 1, "neutral": 0, "negative": -1}
_FOMC = {"0": -1, "1": 1, "2": 0}


def run() -> int:
    """Measure every corpus with every scorer; 1 where a bar is missed."""
    if not CORPORA.is_dir():
        print(f"sentiment: skipped, the labelled corpora are not at {CORPORA} (CRFS_SHARED)")
        return 0
    from crfs.features.sentiment import NEUTRAL_BAND, FinanceScorer, VaderScorer, classes, policy_stance

    before = machine()
    scorers = (VaderScorer(), FinanceScorer())
    figures: dict[str, Any] = {
        "neutral_band": NEUTRAL_BAND,
        "scorers": {scorer.name: {"version": scorer.version, "lexicon_sha256": scorer.lexicon_sha256} for scorer in scorers},
        "bars": BARS,
        "corpora": {},
    }
    for name, rows in corpora().items():
        texts, labels = pl.Series([text for text, _ in rows]), [label for _, label in rows]
        found: dict[str, Any] = {"sentences": len(rows), "majority": _rounded(max(map(labels.count, set(labels))) / len(rows))}
        figures["corpora"][name] = found
        for scorer in scorers:
            seconds = []
            for _ in range(ROUNDS):
                begun = time.perf_counter()
                compound = scorer.score(texts)["compound"]
                seconds.append(time.perf_counter() - begun)
            answers = [answer or 0 for answer in classes(compound).to_list()]
            found[scorer.name] = {**measures(labels, answers), "sentences_per_second": round(len(rows) / statistics.median(seconds))}
        if name == "fomc":
            stance = policy_stance(texts)["stance"].fill_null(0.0).to_list()
            found["policy_stance"] = measures(labels, [(value > 0) - (value < 0) for value in stance])
    reached = figures["corpora"]["phrasebank_all_agree"]["crfs_finance"]
    figures["summary"] = {name: reached[name] for name in (*BARS, "coverage", "sentences_per_second")}
    keep("sentiment", figures, before)
    return int(any(reached[name] < bar for name, bar in BARS.items()))


def corpora() -> dict[str, list[tuple[str, int]]]:
    """Sentences with their class: -1, 0, 1 (bad, neutral, good; for the FOMC dovish, neutral, hawkish).

    ``phrasebank_75_only`` are the sentences on which more than three quarters agree, but not all: none of them is in ``all_agree``.
    """
    all_agree, most_agree = phrasebank("AllAgree"), phrasebank("75Agree")
    both = {text for text, _ in all_agree}
    return {
        "phrasebank_all_agree": all_agree,
        "phrasebank_75_agree": most_agree,
        "phrasebank_75_only": [row for row in most_agree if row[0] not in both],
        "semeval_headlines": semeval(),
        "fomc": fomc(),
    }


def phrasebank(agreement: str) -> list[tuple[str, int]]:
    """Malo et al. (2014), CC BY-NC-SA 3.0: ``sentence@label``, a line without a label aside."""
    text = (CORPORA / f"financial_phrasebank_v1.0_Sentences_{agreement}.txt").read_bytes().decode("latin-1").replace("\r", "")
    pairs = [line.rsplit("@", 1) for line in text.split("\n") if "@" in line]
    return [(sentence, _PHRASEBANK[label]) for sentence, label in pairs]


def semeval() -> list[tuple[str, int]]:
    """SemEval-2017, task 5, headlines: a label from -1 to 1 for a company of the headline."""
    rows = json.loads((CORPORA / "semeval2017_task5_headlines.json").read_bytes())
    return [(row["title"], 0 if abs(row["sentiment"]) < SEMEVAL_BAND else (1 if row["sentiment"] > 0 else -1)) for row in rows]


def fomc() -> list[tuple[str, int]]:
    """Shah et al. (2023), CC BY-NC 4.0: sentences of minutes, speeches and press conferences, 0 dovish, 1 hawkish, 2 neutral, others unlabelled."""
    from crfs.sources.core.xml_text import read_xml

    with zipfile.ZipFile(CORPORA / "fomc_hawkish_dovish_manual-mm-split.xlsx") as book:
        body = read_xml(book.read("xl/worksheets/sheet1.xml"))
    if body.root is None:
        raise ValueError(f"the FOMC's sentences cannot be read: {body.problem}")
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    rows = [{(cell.get("r") or "").rstrip("0123456789"): "".join(cell.itertext()) for cell in row} for row in body.root.iter(f"{space}row")]
    columns = {title: letter for letter, title in rows[0].items()}
    labelled = [(row[columns["sentence"]], row.get(columns["label"], "")) for row in rows[1:]]
    return [(sentence, _FOMC[label]) for sentence, label in labelled if label in _FOMC]


def measures(labels: list[int], answers: list[int]) -> dict[str, float]:
    """Accuracy; the mean of the three classes' F1; of those that are neutral in neither, the share of the right sign; and the coverage:
    the share of the labels other than neutral of which the answer is not neutral.
    """
    pairs = list(zip(labels, answers, strict=True))
    f1 = []
    for kind in (-1, 0, 1):
        hits = sum(label == answer == kind for label, answer in pairs)
        size = labels.count(kind) + answers.count(kind)
        f1.append(2 * hits / size if size else 0.0)
    decided = [label == answer for label, answer in pairs if label and answer]
    return {
        "accuracy": _rounded(sum(label == answer for label, answer in pairs) / len(pairs)),
        "macro_f1": _rounded(sum(f1) / len(f1)),
        "sign_accuracy": _rounded(sum(decided) / len(decided)) if decided else 0.0,
        "coverage": _rounded(len(decided) / sum(label != 0 for label in labels)),
    }


def _rounded(value: float) -> float:
    return round(value, 4)


if __name__ == "__main__":
    sys.exit(run())
