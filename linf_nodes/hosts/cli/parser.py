"""An argparse parser that raises instead of printing its usage."""

import argparse
from typing import Any, NoReturn

from ...errors import BadValue


class Parser(argparse.ArgumentParser):
    """Errors become one sentence with the way to the help."""

    def __init__(self, **options: Any):
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise BadValue(message if message.endswith(".") else f"{message} (see {self.prog} --help)")
