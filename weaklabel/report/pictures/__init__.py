"""The pictures of the report, one family per file: numbers in, a `Picture` out that notebooks show inline."""

from weaklabel.report.drawing import Picture
from weaklabel.report.pictures.calibration_map import calibration_map_picture
from weaklabel.report.pictures.compared import compared_picture
from weaklabel.report.pictures.contributions import contributions_picture
from weaklabel.report.pictures.dependency import dependency_picture
from weaklabel.report.pictures.forest import forest_picture
from weaklabel.report.pictures.heatmap import heatmap_picture
from weaklabel.report.pictures.kept_share import kept_share_picture
from weaklabel.report.pictures.posterior import posterior_picture
from weaklabel.report.pictures.reliability import reliability_picture

__all__ = [
    "Picture",
    "calibration_map_picture",
    "compared_picture",
    "contributions_picture",
    "dependency_picture",
    "forest_picture",
    "heatmap_picture",
    "kept_share_picture",
    "posterior_picture",
    "reliability_picture",
]
