"""Settings of the site that `make docs` builds.

The source folder is the repository's root, so that a relative link works on the site as it does in the repository.
The build treats warnings as errors: a link to a missing file or heading fails it.
"""

project = "Eunoe"
copyright = "the authors of Eunoe"
author = "the authors of Eunoe"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["*.md", "benchmarks/README.md", "docs/*.md"]
exclude_patterns = [".*", "build", "dist", "**/node_modules"]
nitpicky = True
# Links name headings by the anchors that GitHub makes.
myst_heading_anchors = 4
html_theme = "furo"
html_title = "Eunoe"
html_show_sphinx = False
