"""Stands in for moto.core.config, which tests/__init__.py of moto sets something in."""

from typing import Any

default_user_config: dict[str, dict[str, Any]] = {"core": {}}
