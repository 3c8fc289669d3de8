"""Published models: what they are, how large, and whose repository says where to fetch them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One published checkpoint or family; `parameters` is 0 where there are several sizes."""

    name: str
    parameters: int
    repository: str
    supported: bool
    note: str = ""


_LINF, _LP = "JNNNNYao/LINF", "liyuantsao/BFSR"

PUBLISHED = (
    Published("EDSR-baseline-LINF", 1_925_656, _LINF, True, "1x1"),
    Published("RDN-LINF", 22_679_168, _LINF, True, "1x1"),
    Published("SwinIR-LINF", 12_308_260, _LINF, True, "1x1"),
    Published("RRDB-LINF", 17_534_747, _LINF, True, "3x3 patches, for generative upscaling"),
    Published("EDSR-baseline-LINF 3x3", 2_057_200, _LP, True, "the base of LINF-LP"),
    Published("LINF-LP, unet prior", 4_582_223, _LP, True, "a prior: linf convert BASE OUT --prior FILE"),
    Published("LINF-LP, swin prior", 7_280_457, _LP, True, "a prior"),
    Published("SRFlow, SRFlow-LP", 0, "andreas128/SRFlow, liyuantsao/BFSR", False),
    Published("LIIF", 0, "yinboc/liif", True, "EDSR-baseline or RDN encoder"),
    Published("MetaSR", 0, "yinboc/liif", True, "as LIIF's authors trained it"),
    Published("LTE, LTE fast", 0, "jaewon-lee-b/lte", True, "EDSR-baseline, RDN or SwinIR encoder"),
    Published("LIT (EDSR-baseline)", 6_549_091, "jaroslaw1007/CLIT", True, "CLIT with one branch"),
    Published("CLIT, two branches", 11_729_510, "jaroslaw1007/CLIT", True, "beyond x4 by its cascade"),
)


def markdown() -> str:
    """The table of `docs/models.md`; a test compares."""
    rows = ["| model | parameters | repositories on GitHub | here |", "| --- | --- | --- | --- |"]
    for p in PUBLISHED:
        size = f"{p.parameters / 1e6:.1f} M" if p.parameters else ""
        rows.append(f"| {p.name} | {size} | {p.repository} | {p.note if p.supported else 'not yet'} |")
    return "\n".join(rows)
