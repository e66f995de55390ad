"""CreditRisk+: Poisson defaults in gamma sectors; the whole loss distribution by one Fourier transform, with contributions that sum."""

from crfs.risk.creditriskplus.distribution import loss_distribution
from crfs.risk.creditriskplus.lattice import Rounding
from crfs.risk.creditriskplus.portfolio import SECTOR_PORTFOLIO, portfolio_loss_distribution
from crfs.risk.creditriskplus.result import CreditRiskPlusResult
from crfs.risk.creditriskplus.sectors import Dependence

__all__ = [
    "SECTOR_PORTFOLIO",
    "CreditRiskPlusResult",
    "Dependence",
    "Rounding",
    "loss_distribution",
    "portfolio_loss_distribution",
]
