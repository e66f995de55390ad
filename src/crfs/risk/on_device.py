"""Plain simulation on a GPU, by PyTorch: who defaults is found there, and is who NumPy finds (:mod:`crfs.risk.plain`), to the bit.

The numbers are the same integers. Thresholds are the same doubles, since products and differences are correctly rounded everywhere. Phi of a threshold is
not: its last bits differ from library to library. So a pair whose number is within a margin of its probability is left open, and decided
by NumPy; another is decided alike by everybody. What follows of the defaults (losses, sums, tails) is not done here.

PyTorch is asked for where a device is, and is not needed otherwise: the extra ``crfs[gpu]``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Any, TypeAlias

import numpy as np

from crfs.errors import InvalidInput
from crfs.risk.counted import MIXING, NUMBERS, STEP, UNUSED_BITS, starts
from crfs.risk.plain import Band, IntArray, Plan, States, bands, decided
from crfs.risk.result import Method
from crfs.risk.simulation import BlockResult, BlockTask, simulate_block

Tensor: TypeAlias = Any

# How far a number has to be from its probability p, both in [0, 1], to be decided here: _NEAR + _NEAR_SHARE * p. Phi(t) is erfc(-t / sqrt(2)) / 2.
# The rounded argument is off by 1 part in 2^53, or 2, which moves erfc by t^2 times that; a library's erfc is off by some 5 in 2^53 of itself, and
# one that takes 1 + erf by some 1 in 2^53 of one. Where p is above 1e-12, t^2 is below 51: together less than 2e-14 p + 2e-16, here and in NumPy's
# own. Where p is smaller, so are its errors. The margins are a thousand times both, and leave open one pair in 1e10.
_NEAR = 1e-12
_NEAR_SHARE = 1e-9
# Pairs at once: each takes 16 bytes, and some 100 more where nothing can be told of it by a bound.
_AT_ONCE = 1 << 24
_BYTES_A_PAIR = 128
_ONE_WORD = 1 << 64


def check_device(device: str | None, method: Method | str) -> None:
    """Refuse a device that cannot be worked on here, with what can; and one that would have nothing to do. None is always fine.

    >>> check_device(None, "auto")
    """
    if device is None:
        return
    if method != Method.PLAIN:
        raise InvalidInput(
            f"a device ({device!r}) works on the method 'plain' alone, and has nothing to do by {str(method)!r}; ask for 'plain', or for no device",
            argument="device",
        )
    known = known_devices()
    if device not in known:
        hint = "; it has no double precision, which this takes" if device.partition(":")[0] == "mps" else ""
        raise InvalidInput(f"PyTorch has no device {device!r} here that will do{hint}; there are {', '.join(known)}", argument="device")


def known_devices() -> tuple[str, ...]:
    """What can be worked on here: the processor, and CUDA devices ("cuda" is the current one of them)."""
    torch = _torch()
    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ("cpu", *(("cuda",) if cuda else ()), *(f"cuda:{k}" for k in range(cuda)))


def block_simulator(device: str | None) -> Callable[[BlockTask], BlockResult]:
    """:func:`crfs.risk.simulation.simulate_block`, which finds defaults of plain simulations on ``device``; None: here, by NumPy."""
    return simulate_block if device is None else partial(simulate_block, plain=PlainOnDevice(device))


class PlainOnDevice:
    """Stands for :func:`crfs.risk.plain.plain_defaults`. Threads take turns, so that one of them is on the device while others count losses."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._turn = Lock()
        self._plan: Plan | None = None
        self._names: dict[str, Tensor] = {}
        self._at_once = _AT_ONCE

    def __reduce__(self) -> tuple[type[PlainOnDevice], tuple[str]]:
        return PlainOnDevice, (self._device,)

    def __call__(self, plan: Plan, states: States) -> IntArray:
        with self._turn:
            sure, doubtful = self._found(plan, states)
        return sure if not len(doubtful) else np.sort(np.concatenate([sure, decided(plan, states, doubtful)]))

    def _found(self, plan: Plan, states: States) -> tuple[IntArray, IntArray]:
        """Pairs that default for certain, in order, and those that may."""
        torch = _torch()
        if self._plan is not plan:
            self._names = {name: self._there(plan[name]) for name in ("a", "b", "kind", "kind_nu")}
            self._names["step"] = torch.arange(len(plan["obligor"]), device=self._device) * _signed(STEP)
            self._at_once = self._room()
            self._plan = plan
        names = self._names
        count, at_once = len(names["a"]), self._at_once
        step = names["step"] + _signed(int(states.key[1]))
        start = self._there(starts(states.key, np.arange(states.scenarios)).view(np.int64))
        state = self._there(states.factor), self._there(states.mixing)
        sure, doubtful = ([torch.zeros(0, dtype=torch.int64, device=self._device)] for _ in range(2))
        for band in bands(plan, states, rows=max(1, at_once // max(count, 1))):
            bound, which = self._bound(band), self._there(band.which)
            width = at_once // len(band.which)
            for first in range(0, count, width):
                last = min(count, first + width)
                number = _numbers(start[which], step[first:last])
                near = (number < bound[first:last]).view(-1).nonzero().view(-1)
                row = near // (last - first)
                name, scenario = first + near - row * (last - first), which[row]
                probability = self._probability(name, scenario, *state)
                gap = number.view(-1)[near].to(torch.float64) - probability
                margin = probability.mul_(_NEAR_SHARE).add_(_NEAR * NUMBERS)
                pair = scenario * count + name
                sure.append(pair[gap < -margin])
                doubtful.append(pair[gap.abs_() <= margin])
        return torch.cat(sure).sort().values.cpu().numpy(), torch.cat(doubtful).cpu().numpy()

    def _bound(self, band: Band) -> Tensor:
        """See :func:`crfs.risk.plain.plain_defaults`; above whatever is left open too."""
        torch, names = _torch(), self._names
        kind, a = names["kind"], names["a"]
        least, most, factor = (self._there(each)[kind] for each in (band.least, band.most, band.factor))
        highest = _phi(a * torch.where(a > 0.0, most, least) - names["b"] * factor)
        return highest.mul_(1.0 + 2.0 * _NEAR_SHARE).add_(2.0 * _NEAR).mul_(NUMBERS).ceil_().clamp_(max=NUMBERS).to(torch.int64)

    def _probability(self, name: Tensor, scenario: Tensor, factor: Tensor, mixing: Tensor) -> Tensor:
        """In 2^53rds, of names in scenarios. Product and difference are two steps: one that fused them would round once."""
        names = self._names
        kind = names["kind"][name]
        threshold = names["a"][name] * mixing[names["kind_nu"][kind], scenario]
        threshold -= names["b"][name] * factor[kind, scenario]
        return _phi(threshold).mul_(NUMBERS)

    def _there(self, array: np.ndarray[Any, Any]) -> Tensor:
        return _torch().tensor(array, device=self._device)

    def _room(self) -> int:
        """As many pairs as half of what is free there holds."""
        if not self._device.startswith("cuda"):
            return _AT_ONCE
        free, _ = _torch().cuda.mem_get_info(self._device)
        return int(max(1, min(_AT_ONCE, free // 2 // _BYTES_A_PAIR)))


def _numbers(start: Tensor, step: Tensor) -> Tensor:
    """:func:`crfs.risk.counted.counted` in signed words, which wrap around alike; their shifts carry the sign, which is masked."""
    words = start[:, None] + step
    for shift, factor in (*MIXING, (UNUSED_BITS, 1)):
        upper = (words >> shift).bitwise_and_((1 << (64 - shift)) - 1)
        words = upper if shift == UNUSED_BITS else words.bitwise_xor_(upper)
        if factor != 1:
            words.mul_(_signed(factor))
    return words


def _phi(threshold: Tensor) -> Tensor:
    """The normal distribution function, in place; by erfc, which keeps its digits in the tail."""
    return threshold.mul_(-math.sqrt(0.5)).erfc_().mul_(0.5)


def _signed(word: int) -> int:
    return word - _ONE_WORD if word >= _ONE_WORD // 2 else word


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise InvalidInput(
            "a device is worked on by PyTorch, which is not installed here: pip install 'crfs[gpu]'", argument="device"
        ) from None
    return torch
