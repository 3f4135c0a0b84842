"""The pictures of the report and of `.plot()`, one family per file: numbers in, a `Picture` out that notebooks show inline."""

from weaklabel.pictures.bars import bars_picture
from weaklabel.pictures.calibration_map import calibration_map_picture
from weaklabel.pictures.compared import compared_picture
from weaklabel.pictures.contributions import contributions_picture
from weaklabel.pictures.curves import curves_picture
from weaklabel.pictures.dependency import dependency_picture
from weaklabel.pictures.drawing import Picture
from weaklabel.pictures.forest import forest_picture
from weaklabel.pictures.heatmap import heatmap_picture
from weaklabel.pictures.kept_share import kept_share_picture
from weaklabel.pictures.posterior import posterior_picture
from weaklabel.pictures.reliability import reliability_picture
from weaklabel.pictures.trade_off import trade_off_picture

__all__ = [
    "Picture",
    "bars_picture",
    "calibration_map_picture",
    "compared_picture",
    "contributions_picture",
    "curves_picture",
    "dependency_picture",
    "forest_picture",
    "heatmap_picture",
    "kept_share_picture",
    "posterior_picture",
    "reliability_picture",
    "trade_off_picture",
]
