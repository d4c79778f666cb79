"""The currency codes of ISO 4217, and how many decimals their smallest units have."""

from __future__ import annotations

_LIST_ONE = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP "
    "BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB "
    "EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD "
    "JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP "
    "MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR "
    "RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND "
    "TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA "
    "XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWG"
)
_LIST_THREE = "ANG BYR CUC EEK HRK LTL LVL MRO SKK SLL STD VEF ZMK ZWL"
CURRENCIES = frozenset(_LIST_ONE.split())
"""Source: ISO 4217 list one (maintained by SIX Interbank Clearing)."""

WITHDRAWN = frozenset(_LIST_THREE.split())
"""Codes that older ledgers still carry.

Source: ISO 4217 list three, historic denominations, those withdrawn since 2009.
"""

_DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"), 0),
    **dict.fromkeys(("UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF", "BYR"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def minor_unit_digits(currency: str) -> int:
    """How many decimals the currency's smallest unit has.

    Source: ISO 4217 list one.
    """
    return _DIGITS.get(currency, 2)


def is_currency(code: str) -> bool:
    """Whether ISO 4217 has, or had, this code."""
    return code in CURRENCIES or code in WITHDRAWN
