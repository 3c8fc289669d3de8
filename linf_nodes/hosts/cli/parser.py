"""An argparse parser that raises instead of printing its usage."""

import argparse
import re
from typing import Any, NoReturn

from ...errors import BadValue
from ...meant import meant


class Parser(argparse.ArgumentParser):
    """Errors become one sentence with the way to the help."""

    def __init__(self, **options: Any):
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        unknown = re.fullmatch(r"unrecognized arguments: (--[^ =]+).*", message)
        if unknown:
            message += f".{hint}" if (hint := meant(unknown[1], self._option_string_actions)) else ""
        choice = re.fullmatch(r"argument .*: invalid choice: '(.*)' \(choose from (.*)\)", message)
        if choice:
            message += f".{hint}" if (hint := meant(choice[1], re.findall(r"[^',\s]+", choice[2]))) else ""
        raise BadValue(message if message.endswith((".", "?")) else f"{message} (see {self.prog} --help)")
