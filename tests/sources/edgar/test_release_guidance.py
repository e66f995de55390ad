"""Guidance of releases: what the company itself expects now of a quarter or a year, and nothing that was taken back, supposed or somebody else's."""

from __future__ import annotations

import pytest

from tests.sources.edgar.release_text import prose, read

YEAR = "full year 2025 guidance of net sales of $5.9 billion to $6.1 billion"
BACK = (
    "is withdrawing", "withdraws", "has withdrawn", "withdrew", "is suspending", "has suspended", "suspends", "is not reaffirming", "will no longer provide",
    "is rescinding", "is discontinuing", "does not reaffirm", "cannot reaffirm", "has paused", "is unable to reaffirm", "is pulling", "has terminated",
    "will not comment on", "isn’t updating",
)  # fmt: skip


@pytest.mark.parametrize("verb", BACK)
def test_guidance_that_is_taken_back_is_none(verb: str) -> None:
    assert prose(f"The Company {verb} its {YEAR}.").revenue_low is None
    assert prose(f"The Company provided {YEAR}.", f"Today it {verb} that guidance.").guidance_months is None


@pytest.mark.parametrize(
    "sentence",
    [
        "The Company suspended its share repurchase program.",
        "The Company does not provide guidance on a quarterly basis.",
        "The Company is not able to reconcile its forward-looking adjusted EPS guidance without unreasonable effort.",
        "Guidance excludes the discontinued bakery, which is no longer part of the Company.",
    ],
)
def test_what_takes_nothing_back_leaves_guidance(sentence: str) -> None:
    assert prose("For full year 2025, the Company expects net sales of $5.9 billion to $6.1 billion.", sentence).revenue_low == 5.9e9


@pytest.mark.parametrize(
    "sentence",
    [
        "The Company lowered its full year 2025 revenue guidance range of $5.9 billion to $6.1 billion by $400 million.",
        "The Company is lowering its full year 2025 revenue outlook of $5.9 billion to $6.1 billion by 5%.",
        "The Company now expects to miss its full year 2025 revenue guidance of $5.9 billion to $6.1 billion.",
        "The Company now expects to exceed its full year 2025 revenue guidance of $5.9 billion to $6.1 billion.",
        "The Company is reviewing its full year 2025 revenue guidance of $5.9 billion to $6.1 billion.",
    ],
)
def test_guidance_that_is_missed_looked_at_anew_or_moved_by_so_much_is_none(sentence: str) -> None:
    assert prose(sentence).revenue_low is None


@pytest.mark.parametrize("verb", ["reaffirms", "reiterates", "is maintaining", "raises"])
def test_guidance_that_is_said_again_holds(verb: str) -> None:
    found = prose(f"The Company {verb} its {YEAR}.", "The Company undertakes no obligation to update its guidance.")
    assert (found.revenue_low, found.revenue_high) == (5.9e9, 6.1e9)


@pytest.mark.parametrize(
    "sentence",
    [
        "In February, we expected full year 2025 revenue of $5.9 billion to $6.1 billion.",
        "When the year began, we expect&shy;ed full year 2025 revenue of $5.9 billion to $6.1 billion.",
        "The Company expects to exit 2025 at annual revenue of $6.5 billion to $6.7 billion.",
        "For full year 2024, the Company expected net sales of $5.9 billion to $6.1 billion.",
        "For full year 2023, the Company expects net sales of $5.9 billion to $6.1 billion.",
        "The Company expects revenue of $2.2 billion to $2.4 billion in the first half of fiscal year 2025.",
        "For the first six months of fiscal 2025, the Company expects revenue of $2.2 billion to $2.4 billion.",
        "For the remainder of fiscal year 2025, the Company expects revenue of $2.2 billion to $2.4 billion.",
        "For the remaining three quarters of fiscal year 2025, the Company expects revenue of $2.2 billion to $2.4 billion.",
        "For full year 2025 we expect cost of revenue of $40 million to $50 million.",
        "For full year 2025 we expect cost of net sales of $40 million to $50 million.",
        "For full year 2025 the Company expects SG&amp;A, on sales, to be $40 million to $50 million.",
        "For full year 2025 the Company expects lower net sales of $40 million to $50 million.",
        "The agreement is expected to generate annual revenue of $59 million to $61 million.",
        "The Company expects full year 2025 revenue of $5.9 billion to $6.1 billion*.",
        "Our largest customer expects full year 2025 revenue of $410 million to $420 million.",
        "Zenith Inc., which we agreed to buy, expects full year 2025 revenue of $410 million to $420 million.",
        "Had it kept the unit, the Company would expect full year 2025 revenue of $410 million to $420 million.",
        "In a severe downside scenario, the Company anticipates full year 2025 revenue of $4.9 billion to $5.1 billion.",
        "In the base case the Company expects full year 2025 revenue of $5.9 billion to $6.1 billion; in a downside case, $5.5 billion to $5.7 billion.",
        "The combined company is expected to have annual revenue of $9.9 billion to $10.1 billion.",
        "Our target market is expected to grow, with annual industry sales of $9.9 billion to $10.1 billion.",
        "Revenue exceeded our annual outlook of revenue of $1.40 billion to $1.45 billion.",
    ],
)
def test_what_is_no_guidance_of_the_company_now_is_null(sentence: str) -> None:
    found = prose(sentence)
    assert (found.guidance_months, found.revenue_low, found.revenue_high) == (None, None, None)


@pytest.mark.parametrize(
    "measure",
    [
        "cash EPS",
        "ongoing EPS",
        "core EPS",
        "operating earnings per share",
        "distributable earnings per share",
        "economic EPS",
        "FFO per share",
        "normalized EPS",
    ],
)
def test_guidance_of_another_measure_is_no_earnings_per_share(measure: str) -> None:
    assert prose(f"For full year 2025 we expect {measure} of $4.00 to $4.20.").eps_low is None


@pytest.mark.parametrize(
    ("heading", "low"),
    [("Full Year 2025 Outlook", 1.9e9), ("Acme 2025 Guidance", 1.9e9), ("Full Year 2025 Outlook for Snacks", None), ("Snacks", None)],
)
def test_a_parts_heading_makes_guidance_the_parts(heading: str, low: float | None) -> None:
    assert prose(heading, "Full year 2025 net sales are expected to be $1.9 billion to $2.1 billion.").revenue_low == low


def test_the_heading_of_results_is_no_period_of_guidance() -> None:
    title = "Acme Corp Reports Third Quarter 2024 Results"
    assert prose(title, "Acme now expects net sales of $3.2 billion to $3.3 billion.").guidance_months is None
    assert prose(title, "Acme expects 2025 revenue of $3.2 billion to $3.3 billion.").guidance_months == 12


def test_what_something_does_to_earnings_is_no_guidance() -> None:
    assert prose("For full year 2025 the Company expects the dispute to cost EPS of $0.10 to $0.15.").eps_low is None


@pytest.mark.parametrize(
    "after",
    [", which does not include amortization of $0.50", " before special items", " on a non-GAAP basis", "*", ", excluding restructuring"],
)
def test_words_after_a_range_may_make_it_another_measure(after: str) -> None:
    assert prose(f"For full year 2025 we expect EPS of $4.00 to $4.20{after}.").eps_low is None


@pytest.mark.parametrize(
    ("paragraphs", "months", "revenue", "eps"),
    [
        (("For full year 2025, the Company expects net sales of $6.2 billion to $6.4 billion, compared with $6.0 billion in 2024.",), 12, (6.2e9, 6.4e9), None),
        (("For the first quarter of 2025, the Company expects GAAP net loss per share of $(0.14) to $(0.10).",), 3, None, (-0.14, -0.10)),
        (("For the first quarter of 2025, the Company expects GAAP EPS of $(0.02) to $0.03.",), 3, None, (-0.02, 0.03)),
        (("For full year 2025, the Company expects revenue of $410M to $420M.",), 12, (410e6, 420e6), None),
        (("The Company's FY25 outlook is for revenue of $410 million to $420 million and EPS of $1.10 to $1.20.",), 12, (410e6, 420e6), (1.1, 1.2)),
        (("For the first quarter of 2025, revenue is expected to be $500 million, plus or minus $10 million.",), 3, (490e6, 510e6), None),
        (("For the first quarter of 2025, revenue is expected to be $500 million, plus or minus 2%.",), 3, (490e6, 510e6), None),
        (("For full year 2025 the Company expects GAAP EPS of $3.50 to $3.70 and adjusted EPS of $4.00 to $4.20.",), 12, None, (3.5, 3.7)),
        (("For fiscal 2025, the Company expects:", "Net sales of $4.0 billion to $4.1 billion", "Diluted EPS of $6.10 to $6.40"), 12, (4e9, 4.1e9), (6.1, 6.4)),
        (("For the first quarter of fiscal 2025, Acme expects total revenue of $525 million to $530 million.",), 3, (525e6, 530e6), None),
        (("For fiscal 2025, the Company continues to expect net sales of $4.0 billion to $4.1 billion.",), 12, (4e9, 4.1e9), None),
        (("Assuming current exchange rates, the Company expects full year 2025 revenue of $4.0 billion to $4.1 billion.",), 12, (4e9, 4.1e9), None),
        (("Full Year 2025 Outlook", "Revenue is expected to be $4.0 billion to $4.1 billion."), 12, (4e9, 4.1e9), None),
    ],
)  # fmt: skip
def test_guidance_as_companies_write_it(
    paragraphs: tuple[str, ...], months: int, revenue: tuple[float, float] | None, eps: tuple[float, float] | None
) -> None:
    found = prose(*paragraphs)
    none = (None, None)
    assert found.guidance_months == months
    assert ((found.revenue_low, found.revenue_high), (found.eps_low, found.eps_high)) == (revenue or none, eps or none)


def test_an_amount_far_behind_the_name_of_a_number_is_none_of_it() -> None:
    far = "as the company's board of directors and its advisers have said at length in a meeting that they held in the autumn " * 2
    assert prose(f"For full year 2025 we expect net sales {far} in a range of $5.9 billion to $6.1 billion.").revenue_low is None


RANGE = "revenue of $5.1 billion to $5.3 billion"


@pytest.mark.parametrize(
    "sentence",
    [
        f"Beta Inc. expects fiscal 2025 {RANGE}.",
        f"Beta, Inc. expects fiscal 2025 {RANGE}.",
        f"Beta Corporation expects fiscal 2025 {RANGE}.",
        f"Beta Holdings now expects {RANGE} for fiscal 2025.",
        f"Beta Group anticipates {RANGE} for fiscal 2025.",
        f"For fiscal 2025, Beta Inc. expects {RANGE}.",
        f"For fiscal 2025, Beta Company expects {RANGE}.",
        f"Management of Beta Inc. expects fiscal 2025 {RANGE}.",
        f"The management of Beta expects fiscal 2025 {RANGE}.",
        f"Beta said that it expects fiscal 2025 {RANGE}.",
        f"Beta's guidance for fiscal 2025 is {RANGE}.",
        f"Beta's fiscal 2025 outlook calls for {RANGE}.",
        f"Beta Inc. reaffirmed its fiscal 2025 guidance of {RANGE}.",
        f"Beta did well. It expects fiscal 2025 {RANGE}.",
        f"Our portfolio company expects fiscal 2025 {RANGE}.",
        f"Our parent expects fiscal 2025 {RANGE}.",
        f"According to Beta, the company expects fiscal 2025 {RANGE}.",
        f"Beta fiscal 2025 guidance: {RANGE}.",
        f"Fiscal 2025 guidance of Beta: {RANGE}.",
        f"Beta is expected to have fiscal 2025 {RANGE}.",
        f"Beta Inc. Expects fiscal 2025 {RANGE}.",
        f"The Company expects the twelve months after closing to have annual {RANGE}.",
        f"The Company expects full year {RANGE} once the plant opens.",
        f"In the year ended December 31, 2024, the Company expects annual {RANGE}.",
        f"The Company expects to reach annual {RANGE}.",
    ],
)
def test_another_companys_guidance_is_not_the_issuers(sentence: str) -> None:
    found = prose(sentence)
    assert (found.guidance_months, found.revenue_low, found.revenue_high) == (None, None, None)


@pytest.mark.parametrize(
    "when",
    [
        "In 2030", "In 2026", "For 2026", "For fiscal 2026", "For fiscal 2027", "For fiscal year 2027", "For FY27", "For the full year 2028",
        "By fiscal 2028", "By 2027",
        "For fiscal years 2025 through 2027", "For fiscal 2025 through fiscal 2027", "For 2025-2027", "Beyond 2025", "After fiscal 2025",
        "In the next three years", "In each fiscal year", "For the second quarter of 2026", "For the second quarter of 2025",
        "For the first quarter of 2026", "For the third quarter", "For the fourth quarter of 2025", "For the first quarter ending March 31, 2026",
        "For the full year ending December 31, 2026", "Over the long term, in 2025", "As a goal for 2025",
    ],
)  # fmt: skip
def test_guidance_for_another_period_than_the_following_one_is_null(when: str) -> None:
    found = prose(f"{when}, the Company expects {RANGE}.")
    assert (found.guidance_months, found.revenue_low, found.revenue_high) == (None, None, None)


def test_guidance_under_the_heading_of_a_later_year_is_null() -> None:
    assert prose("Fiscal 2027 Outlook", f"The Company expects {RANGE}.").guidance_months is None
    assert prose("Fiscal 2025 Outlook", f"The Company expects {RANGE}.").guidance_months == 12


@pytest.mark.parametrize(
    ("opening", "when", "months"),
    [
        ("second quarter ended June 30, 2024", "third quarter", 3),
        ("second quarter ended June 30, 2024", "third quarter of 2024", 3),
        ("second quarter ended June 30, 2024", "third quarter of 2025", None),
        ("second quarter ended June 30, 2024", "second quarter of 2025", None),
        ("second quarter ended June 30, 2024", "fourth quarter of 2024", None),
        ("second quarter ended June 30, 2024", "next quarter", 3),
        ("second quarter ended June 30, 2024", "third quarter ending September 30, 2024", 3),
        ("second quarter ended June 30, 2024", "full year 2024", 12),
        ("second quarter ended June 30, 2024", "full year 2025", 12),
        ("second quarter ended June 30, 2024", "full year 2026", None),
        ("second quarter ended June 30, 2024", "full year", 12),
        ("three months ended June 30, 2024", "third quarter of 2024", 3),
        ("first quarter of fiscal 2025 ended September 30, 2024", "second quarter of fiscal 2025", 3),
        ("first quarter of fiscal 2025 ended September 30, 2024", "fiscal 2025", 12),
        ("first quarter of fiscal 2025 ended December 31, 2024", "fiscal 2025", 12),
        ("first quarter of fiscal 2025 ended September 30, 2024", "fiscal 2027", None),
        ("fourth quarter and fiscal year ended January 28, 2023", "fiscal 2023", 12),
        ("fourth quarter and fiscal year ended January 28, 2023", "first quarter of fiscal 2023", 3),
        ("fourth quarter and fiscal year ended January 28, 2023", "fiscal 2026", None),
    ],
)
def test_which_period_follows_is_told_by_the_releases_own(opening: str, when: str, months: int | None) -> None:
    found = read(f"<p>Acme Corp (NYSE: ACM) reported results for its {opening}.</p><p>For the {when}, the Company expects {RANGE}.</p>")
    assert found.guidance_months == months
