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
    Published("LIIF", 0, "yinboc/liif", False),
    Published("MetaSR", 0, "the paper's repository", False),
    Published("LTE", 0, "jaewon-lee-b/lte", False),
    Published("CLIT", 0, "jaroslaw1007/CLIT", False),
)
