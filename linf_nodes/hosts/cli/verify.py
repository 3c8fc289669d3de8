"""`linf verify`: reference vectors through the networks."""

import json
from collections.abc import Sequence
from pathlib import Path

from ...atomic import atomic_write
from ...errors import BadValue
from ...evaluation.verify import EXACT, ROUNDED, Outcome, summary, verify_folder
from .console import out, say
from .parser import Parser


def run(argv: Sequence[str]) -> int:
    """Report every case; returns 1 unless all passed."""
    args = _parser().parse_args(argv)
    target = None if args.json is None else Path(args.json)
    if target is not None and not target.parent.is_dir():
        raise BadValue(f"cannot write '{target}': there is no folder '{target.parent}'; make it first.")
    outcomes = []
    try:
        for outcome in verify_folder(Path(args.folder)):
            outcomes.append(outcome)
            out(_line(outcome))
    except BadValue as error:  # an empty folder verifies nothing, which is a failure
        say(str(error))
        return 1
    report = summary(outcomes)
    if target is not None:
        with atomic_write(target) as part:
            part.write_text(json.dumps(report, indent=2), "utf-8")
    out(f"{report['passed']} of {report['cases']} cases passed")
    return 0 if report["passed"] == report["cases"] else 1


def _line(outcome: Outcome) -> str:
    word = "ok    " if outcome.passed else "FAILED"
    errors = ", ".join(f"{name} {e:.1e} / {outcome.exact[name]:.1e}" for name, e in outcome.errors.items())
    limit = f" (tolerances {ROUNDED * outcome.tolerance:.0e}, {EXACT * outcome.tolerance:.0e})" if errors else ""
    return f"{word} {outcome.case}: {errors}{limit}{outcome.reason}"


def _parser() -> Parser:
    parser = Parser(
        prog="linf verify",
        description="Run a folder of reference vectors; errors are max|ours - reference| / max|reference| per output, "
        "of ours in float32 and in float64.",
    )
    parser.add_argument("folder", metavar="DIR", help="a folder of .safetensors reference files")
    parser.add_argument("--json", metavar="FILE", help="write cases, passed, failed, errors and reasons to FILE")
    return parser
