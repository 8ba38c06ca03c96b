"""The documentation site: `python -m sphinx -W -b html docs docs/_build/html`, with no network then or later."""

import os
import sys
from importlib.metadata import version as installed
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS / "_extensions")]
os.environ["PYTHONPATH"] = str(ROOT)  # the notebook's kernel imports this checkout

project = "derive"
author = "the derive contributors"
copyright = author
release = version = installed("derive-layers")

extensions = ["myst_nb", "explorer", "lexers", "mathml", "pages", "reference"]
exclude_patterns = ["_build", "_extensions", "examples/*"]

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath", "html_image"]
myst_heading_anchors = 3
myst_update_mathjax = False
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
smartquotes = False
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_math_renderer = "mathml"
html_title = "derive"
html_static_path = ["_static"]
html_css_files = ["derive.css"]
html_js_files = ["derive.js"]
html_context = {"default_mode": "auto"}
html_sidebars = {"index": [], "tutorial": [], "explorer": []}
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "footer_end": [],
    "footer_start": ["copyright"],
    "header_links_before_dropdown": 5,
    "navbar_align": "left",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "pygments_light_style": "a11y-high-contrast-light",
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "use_edit_page_button": False,
}
