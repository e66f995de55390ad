"""From a context to a page: templates, how numbers are written, and links that keep the clocks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from crfs.workflows.confidences import percentage

MINUS = "\N{MINUS SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"
NONE = Markup('<span class="none" title="not known">\N{EN DASH}</span>')


def page(
    request: Request,
    template: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A page, told to caches as private and to be asked for again."""
    body = environment().get_template(template).render({"path": request.url.path, **context})
    return HTMLResponse(body, status_code=status, headers={"Cache-Control": "private, no-cache", **(headers or {})})


@cache
def environment() -> Environment:
    """The templates; everything is escaped, and a name that is not there is an error."""
    made = Environment(
        loader=PackageLoader("crfs.apps.api.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {
        "amount": amount,
        "percent": percent,
        "number": number,
        "confidence": confidence,
        "value": value_text,
        "instant": instant,
        "told": told,
        "day": day,
        "question_day": question_day,
        "short": short,
        "path": path_part,
        "bytes": byte_count,
    }
    made.globals |= {"link": link}
    return made


def amount(value: float | None) -> Markup:
    """Currency units without decimals; the whole number is in the element's value.

    >>> amount(4170274.7566971807)
    Markup('<data value="4170274.7566971807">4,170,275</data>')
    """
    return _data(value, _amount_text)


def cents(value: float | None) -> Markup:
    """An amount to the cent, as accounts have it.

    >>> cents(1234567.8)
    Markup('<data value="1234567.8">1,234,567.80</data>')
    """
    return _data(value, lambda v: f"{v:,.2f}")


def signed(value: float | None) -> Markup:
    """An amount that is added or taken away, with its sign.

    >>> signed(1234.5), signed(-2000.0)
    (Markup('<data value="1234.5">+1,234</data>'), Markup('<data value="-2000.0">\u22122,000</data>'))
    """
    return _data(value, lambda v: ("+" if v > 0 else "") + _amount_text(v))


def error_of(part: Mapping[str, Any], name: str) -> Markup | str:
    """The error of a number that a table shows: its standard error; where nothing was sampled, the interval that it is known to; or that it is exact.

    >>> error_of({"change": 5.0, "change_se": 0.0, "change_low": -1.0, "change_high": 8.0}, "change")
    Markup('<data value="-1.0">−1</data> to <data value="8.0">+8</data>')
    >>> error_of({"change": 5.0, "change_se": 0.0, "change_low": 5.0, "change_high": 5.0}, "change"), error_of({"change": 5.0}, "change")
    ('exact', 'exact')
    """
    if f"{name}_se" not in part:
        return "exact"
    se, low, high = part[f"{name}_se"], part.get(f"{name}_low"), part.get(f"{name}_high")
    if se != 0.0 or low is None or high is None:
        return amount(se)
    return "exact" if low == high else signed(low) + Markup(" to ") + signed(high)


def deviations(value: float | None) -> Markup:
    """A number of standard deviations.

    >>> deviations(-3.0902)
    Markup('<data value="-3.0902">\u22123.09\u202fsd</data>')
    """
    return _data(value, lambda v: f"{v:.2f}{THIN}sd")


def percent(value: float | None, decimals: int = 2) -> Markup:
    """A decimal as a percentage."""
    return _data(value, lambda v: f"{100 * v:.{decimals}f}{THIN}%")


def probability(value: float | None) -> Markup:
    """A probability as a percentage, with two digits however small it is.

    >>> probability(0.00138), probability(3.1e-9)
    (Markup('<data value="0.00138">0.138\u202f%</data>'), Markup('<data value="3.1e-09">3.1e\u22127\u202f%</data>'))
    """
    return _data(value, lambda v: f"{100 * v:.3f}{THIN}%" if v >= 1e-4 or v == 0.0 else f"{_small(100 * v)}{THIN}%")


def confidence(value: float) -> Markup:
    """A confidence as a percentage with all its digits (:func:`crfs.credit.confidences.percentage`).

    >>> confidence(0.999)
    Markup('<data value="0.999">99.9\u202f%</data>')
    """
    return _data(value, lambda v: f"{percentage(v)}{THIN}%")


def ratio(value: float | None) -> Markup:
    """How many times as much.

    >>> ratio(3.997)
    Markup('<data value="3.997">4.0</data>')
    """
    return _data(value, lambda v: f"{v:,.1f}")


def number(value: float | None, digits: int = 4) -> Markup:
    """A number with so many significant digits; counts whole."""
    return _data(value, lambda v: f"{v:,}" if isinstance(v, int) else f"{v:,.{digits}g}" if abs(v) < 10**digits else f"{v:,.0f}")


def value_text(value: Any, unit: str) -> Markup:
    """A factor's value: decimals as percentages, other numbers with six digits, texts as they are."""
    if value is None:
        return NONE
    if isinstance(value, bool) or not isinstance(value, int | float):
        return escape(value)
    return percent(value, 3) if unit == "decimal" else number(value, 6)


def written(value: float | None, text: str) -> Markup:
    """A number in the words that screens have for it, with the whole of it in the element.

    >>> written(0.03957, "+4.0 points")
    Markup('<data value="0.03957">+4.0\u202fpoints</data>')
    """
    return _data(value, lambda _: text.replace(" ", THIN))


def instant(moment: datetime | str | None) -> Markup:
    """An instant to the second, in UTC, with the whole of it in the element."""
    if moment is None:
        return NONE
    at = (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).astimezone(UTC)
    text = f"{at:%Y-%m-%d}" if (at.hour, at.minute, at.second) == (0, 0, 0) else f"{at:%Y-%m-%d %H:%M:%S}"
    return Markup('<time datetime="{}">{}</time>').format(
        at.isoformat().replace("+00:00", "Z"), text.removesuffix(":00") if " " in text else text
    )


def told(moment: datetime | str | None) -> Markup:
    """An instant that somebody said, in the words of :func:`crfs.workflows.times.as_told`, with the whole of it in the element.

    >>> told(datetime(2026, 7, 1, tzinfo=UTC)), told("2026-07-01T09:00:00+00:00")
    (Markup('<time datetime="2026-07-01T00:00:00Z">the end of 2026-06-30</time>'), Markup('<time datetime="2026-07-01T09:00:00Z">2026-07-01T09:00:00Z</time>'))
    """
    from crfs.workflows.times import as_told

    if moment is None:
        return NONE
    at = (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat().replace("+00:00", "Z"), as_told(at))


def day(moment: datetime | date | str | None) -> Markup:
    """The day of an instant, in UTC."""
    if moment is None:
        return NONE
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return Markup("<time>{}</time>").format(f"{at:%Y-%m-%d}")


def question_day(moment: str) -> Markup:
    """The day that a question is about, in the sense of :func:`crfs.workflows.times.day_of`.

    >>> question_day("2026-07-01T00:00:00+00:00"), question_day("2026-07-01T09:00:00+00:00")
    (Markup('<time>2026-06-30</time>'), Markup('<time>2026-07-01</time>'))
    """
    from crfs.workflows.times import day_of, parse_instant

    return day(day_of(parse_instant(moment, what="as_of")))


def short(digest: str | None, length: int = 12) -> Markup:
    """The beginning of a hash, the whole of it on hovering."""
    return NONE if not digest else Markup('<code title="{}">{}</code>').format(digest, f"{digest[:length]}…")


def path_part(text: Any) -> str:
    """A name as one part of a path."""
    return quote(str(text), safe="")


def byte_count(size: int) -> str:
    """A size as people read it.

    >>> byte_count(532), byte_count(1_234_567)
    ('532 bytes', '1.2 MB')
    """
    for limit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= limit:
            return f"{size / limit:.1f} {name}"
    return f"{size} bytes"


def link(path: str, **parameters: Any) -> str:
    """A path with the parameters that say something.

    >>> link("/factors/us.cpi", as_of="2009-11-30", entity=None)
    '/factors/us.cpi?as_of=2009-11-30'
    """
    told = {name: value for name, value in parameters.items() if value not in (None, "")}
    return path + (f"?{urlencode(told)}" if told else "")


def _amount_text(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == 0 else f"{value:,.4g}"


def _small(value: float) -> str:
    """Two digits of a small number, without the zeros of its power of ten."""
    digits, _, power = f"{value:.1e}".partition("e")
    return f"{value:.2g}" if int(power) > -5 else f"{digits}e{int(power)}"


def _data(value: float | None, text: Any) -> Markup:
    if value is None or not math.isfinite(value):
        return NONE
    return Markup('<data value="{}">{}</data>').format(repr(value), str(text(value)).replace("-", MINUS))
