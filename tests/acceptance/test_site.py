"""The site builds from the documents, and a broken link fails the build."""

import shutil
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_BROKEN = """\
# Broken links

[file](missing.py) [page](missing.md) [heading](#missing) [heading of a page](glossary.md#missing)
"""


def _build(source: Path, output: Path) -> subprocess.CompletedProcess[str]:
    """Build the site as `make docs` does, with warnings as errors."""
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-c", str(_ROOT / "docs"), "-W", "--keep-going", "-q"]
    return subprocess.run([*command, str(source), str(output)], capture_output=True, text=True, check=False)


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """Every page is in the contents, and every link leads to a file, a page or a heading."""
    built = _build(_ROOT, tmp_path)
    assert (built.returncode, built.stderr) == (0, "")
    assert (tmp_path / "docs" / "index.html").is_file()


def test_broken_links_fail_the_build(tmp_path: Path) -> None:
    """Without this test, a lenient setting would let links rot unseen."""
    docs = tmp_path / "source" / "docs"
    docs.mkdir(parents=True)
    shutil.copy(_ROOT / "docs" / "glossary.md", docs)
    (docs / "index.md").write_text(f"{_BROKEN}\n```{{toctree}}\nglossary\n```\n", encoding="utf-8")
    built = _build(tmp_path / "source", tmp_path / "site")
    assert built.returncode == 1
    assert built.stderr.count("[myst.xref_missing]") == 4
