"""Sphinx settings of the manual."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "tcore"
author = "The tcore developers"
copyright = "2026, the tcore developers"
version = release = version_of("tcore")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "op_coverage", "op_list", "optimization_catalogue"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "speed/results.md"]  # the latter is part of speed.md
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = True

html_theme = "pydata_sphinx_theme"
html_title = f"tcore {version}"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}
html_show_sourcelink = False
