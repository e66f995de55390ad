"""Plain simulation of 100,000 obligors on twenty factors: by NumPy on every core, by PyTorch on the processor and on a GPU, and by a peer that knows no laws.

The peer draws every latent variable in single precision on the GPU, in whatever order the GPU likes: no common random numbers, no replay elsewhere.
Losses of the same blocks by NumPy and by the device have one SHA-256, or the bar ``same_losses`` is missed. Without a CUDA device nothing is measured,
unless asked for: ``python -m benchmarks.device --device cpu --obligors 5000 --scenarios 2000`` writes no results.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl

from benchmarks.report import keep, machine
from benchmarks.risk_books import heterogeneous_book, loadings, twenty_factors

OBLIGORS = 100_000
SCENARIOS = 40_000
ROUNDS = 3
# The device over NumPy on every core.
BARS = {"same_losses": True, "times_faster_than_numpy": 1.0}
_PEER_PAIRS = 1 << 26


def run(device: str | None = None, obligors: int = OBLIGORS, scenarios: int = SCENARIOS) -> int:
    """Measure everything; the number of bars missed."""
    before = machine()
    import torch

    chosen = device or ("cuda" if torch.cuda.is_available() else None)
    if chosen is None:
        print("device: PyTorch has no CUDA device here; nothing is measured", flush=True)
        return 0
    where = torch.cuda.get_device_name(chosen) if chosen.startswith("cuda") else "the processor"
    print(f"device: {where}, PyTorch {torch.__version__}; making a book of {obligors:,} obligors", flush=True)
    work = _Work(heterogeneous_book(obligors), twenty_factors(), chosen, scenarios)
    few = work.blocks_of(8 * work.cores)
    rates = {
        "numpy_every_core": work.rate("numpy_every_core", None, few),
        "torch_processor": work.rate("torch_processor", "cpu", work.blocks_of(2)),
        "torch_device": work.rate("torch_device", chosen, work.blocks_of(scenarios)),
        "torch_device_defaults_alone": work.defaults_alone(few),
        "peer_on_device": work.peer(),
    }
    hashes = {name: work.sha256(on, few) for name, on in (("numpy", None), ("device", chosen))}
    summary = {
        "same_losses": len(set(hashes.values())) == 1,
        "times_faster_than_numpy": round(rates["torch_device"] / rates["numpy_every_core"], 2),
        "peer_over_device": round(rates["peer_on_device"] / rates["torch_device"], 2),
    }
    missed = [name for name in ("same_losses", "times_faster_than_numpy") if chosen != "cpu" and summary[name] < BARS[name]]
    figures = {
        "device": {"asked": chosen, "name": where, "torch": torch.__version__, "cuda": torch.version.cuda},
        "obligors": obligors,
        "scenarios": scenarios,
        "obligor_scenarios_per_second": rates,
        "losses_sha256": {**hashes, "scenarios": len(few) * work.size},
        "run": work.whole_run(),
        "bars": BARS,
        "summary": {**summary, "missed": missed},
    }
    if chosen == "cpu":
        print(figures, flush=True)
    else:
        keep("device", figures, before)
    return len(missed)


class _Work:
    """A book and its plan, measured in several ways; each prints what it found."""

    def __init__(self, book: pl.DataFrame, model: Any, device: str, scenarios: int) -> None:
        from crfs.risk.obligors import roll_up
        from crfs.risk.simulation import make_plan

        plan = make_plan(roll_up(book, model), model, thinning=False)
        assert plan is not None
        self.book, self.model, self.plan, self.device, self.scenarios = book, model, plan, device, scenarios
        self.obligors, self.size = len(book), int(plan["block_size"])
        self.cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def blocks_of(self, most: int) -> range:
        """As many blocks as that, or as the scenarios have."""
        return range(max(1, min(most, self.scenarios // self.size)))

    def losses(self, on: str | None, blocks: Sequence[int]) -> np.ndarray:
        """Of the blocks, on every core."""
        from crfs.risk.on_device import block_simulator
        from crfs.risk.simulation import BlockTask

        tasks = [BlockTask(self.plan, 1, block, self.size, math.inf) for block in blocks]
        with ThreadPoolExecutor(self.cores) as pool:
            return np.concatenate([result.losses for result in pool.map(block_simulator(on), tasks)])

    def sha256(self, on: str | None, blocks: Sequence[int]) -> str:
        """Of the losses."""
        found = hashlib.sha256(self.losses(on, blocks).tobytes()).hexdigest()
        print(f"losses of {len(blocks)} blocks on {on or 'NumPy'}: {found}", flush=True)
        return found

    def rate(self, name: str, on: str | None, blocks: Sequence[int]) -> int:
        """Obligor-scenarios a second, losses included."""
        return self._rate(name, len(blocks) * self.size, lambda: self.losses(on, blocks))

    def defaults_alone(self, blocks: Sequence[int]) -> int:
        """The same of finding who defaults on the device, one block after another: what the device itself can do."""
        from crfs.risk.on_device import PlainOnDevice
        from crfs.risk.simulation import BlockTask, simulate_block

        states: list[Any] = []

        def keep_states(_plan: Any, told: Any) -> np.ndarray:
            states.append(told)
            return np.zeros(0, dtype=np.int64)

        for block in blocks:
            simulate_block(BlockTask(self.plan, 1, block, self.size, math.inf), plain=keep_states)
        found = PlainOnDevice(self.device)
        return self._rate("torch_device_defaults_alone", len(blocks) * self.size, lambda: [found(self.plan, each) for each in states])

    def peer(self) -> int:
        """Every latent variable drawn on the device in single precision, the losses summed there."""
        import torch
        from scipy.special import ndtri

        across = loadings(self.book, self.model)
        arrays = across.T, np.sqrt(1.0 - np.square(across).sum(axis=1)), ndtri(self.book["pd_12m"].to_numpy())
        weights, own, threshold, loss = (
            torch.tensor(each.astype(np.float32), device=self.device)
            for each in (*arrays, (self.book["ead"] * self.book["lgd"]).to_numpy())
        )
        each = max(1, _PEER_PAIRS // self.obligors)
        batches = max(1, self.scenarios // each)

        def simulate() -> np.ndarray:
            found = []
            for _ in range(batches):
                latent = torch.randn(each, self.obligors, device=self.device).mul_(own)
                latent += torch.randn(each, len(weights), device=self.device) @ weights
                found.append((latent < threshold).to(torch.float32) @ loss)
            losses: np.ndarray = torch.cat(found).cpu().numpy()
            return losses

        return self._rate("peer_on_device", batches * each, simulate)

    def whole_run(self) -> dict[str, Any]:
        """What a user asks: value at risk and expected shortfall, on the device."""
        from crfs.risk import portfolio_risk

        options: dict[str, Any] = {"confidences": (0.999,), "method": "plain", "rel_tol": 1e-6, "seed": 1, "contributions": False}
        began = time.perf_counter()
        result = portfolio_risk(self.book, self.model, device=self.device, max_scenarios=self.scenarios, budget=1e12, **options)
        seconds = round(time.perf_counter() - began, 3)
        (measure,) = result.measures
        figure = {"wall_s": seconds, "scenarios": result.scenarios, "var": measure.var, "var_se": measure.var_se, "es": measure.es}
        print(f"run: {figure}", flush=True)
        return figure

    def _rate(self, name: str, scenarios: int, work: Callable[[], Any]) -> int:
        """The median of rounds after one that does not count."""
        seconds = []
        for _ in range(ROUNDS + 1):
            began = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - began)
        rate = round(self.obligors * scenarios / statistics.median(seconds[1:]))
        print(
            f"{name}: {rate:,} obligor-scenarios a second over {scenarios:,} scenarios; rounds {[round(s, 3) for s in seconds]} s",
            flush=True,
        )
        return rate


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device")
    parser.add_argument("--obligors", type=int, default=OBLIGORS)
    parser.add_argument("--scenarios", type=int, default=SCENARIOS)
    sys.exit(run(**vars(parser.parse_args())))
