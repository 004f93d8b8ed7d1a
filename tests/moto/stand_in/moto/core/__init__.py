"""Stands in for moto.core."""

DEFAULT_ACCOUNT_ID = "123456789012"
