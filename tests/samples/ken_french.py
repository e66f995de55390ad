"""Good bodies of the source ``ken_french``."""

from __future__ import annotations

import io
import zipfile

from tests.samples import sample

_FOLDER = "https://mba.tuck.dartmouth.edu/pages/faculty/ken.french/ftp/"
INDUSTRIES = b"""This file was created by CMPT_IND_RETS using the 202408 CRSP database.
It contains value- and equal-weighted returns for 5 industry portfolios.

Missing data are indicated by -99.99 or -999.


  Average Value Weighted Returns -- Monthly
,Cnsmr,Food ,Other
202406,   2.37,   0.12, -99.99
202407,   2.23,   2.68,   1.50

  Average Value Weighted Returns -- Annual
,Cnsmr,Food ,Other
  2023,  10.00,  20.00, -999

  Number of Firms in Portfolios
,Cnsmr,Food ,Other
202406,      3,     40,      0

Copyright 2024 Kenneth R. French
"""
FACTORS = b"""This file was created using the 202412 CRSP database.\r
The 1-month TBill return is from Ibbotson and Associates, Inc.\r
\r
      ,Mkt-RF,SMB,HML,RF\r
192607,    2.96,   -2.56,   -2.43,    0.22\r
192608,    2.64,   -1.17,    3.82,    0.25\r
\r
 Annual Factors: January-December \r
,Mkt-RF,SMB,HML,RF\r
  1927,   29.47,   -2.46,   -3.75,    3.12\r
"""
DAILY = b"""This file was created by CMPT_ME_BEME_RETS_DAILY using the 202404 CRSP database.

,Mkt-RF,SMB,HML,RF
20240403,0.55,-0.21,0.13,0.022
20240404,-0.34,0.10,-0.05,0.022

"""


def zipped(body: bytes, name: str) -> bytes:
    """A zip with one file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, body)
    return stream.getvalue()


SAMPLES = [
    sample("ken_french", INDUSTRIES, stream="5_Industry_Portfolios"),
    sample("ken_french", FACTORS, stream="F-F_Research_Data_Factors"),
    sample(
        "ken_french",
        zipped(DAILY, "F-F_Research_Data_Factors_daily.CSV"),
        url=f"{_FOLDER}F-F_Research_Data_Factors_daily_CSV.zip",
        stream="F-F_Research_Data_Factors_daily",
    ),
]
