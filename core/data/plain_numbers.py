"""Amounts of money as exports write them, as plain numbers."""

import pandas as pd

_SIGN = r"(?:[€$£¥]|[A-Za-z]{1,3}\$|EUR|USD|GBP|CHF|BRL|JPY|SEK|DKK|NOK|PLN|CAD|AUD)"
_SPACE = "[ \t\u00a0\u202f]*"  # spaces that do not break stand between amount and sign
_AMOUNT = rf"^{_SPACE}(?:{_SIGN})?{_SPACE}(-?\d[\d.,]*){_SPACE}(?:{_SIGN})?{_SPACE}$"


def without_currency(text: pd.Series) -> pd.Series:
    """'€ 1.234,50' as '1.234,50', '12.90 USD' as '12.90'; what is no amount stays as it is."""
    return text.str.replace(_AMOUNT, r"\1", regex=True)
