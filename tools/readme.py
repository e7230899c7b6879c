"""Write README.md from nbs/index.ipynb (pandoc comes with pypandoc-binary).

python tools/readme.py [OUT]     writes OUT, README.md by default
python tools/readme.py --check   only says whether README.md is current; exit code 1 if not
"""

import json
import re
import sys
from pathlib import Path

import pypandoc

ROOT = Path(__file__).parents[1]
HEAD = "<!-- made from nbs/index.ipynb by tools/readme.py; do not edit -->\n\n"


def shown(cell):
    "The cell as a reader sees it, or None where it is hidden"
    src = "".join(cell["source"])
    if cell["cell_type"] == "raw" or re.search(r"^#\|\s*(hide\b|include:\s*false)", src, re.M):
        return None
    if cell["cell_type"] == "markdown":
        src = re.sub(r"\]\((?![\w+]+:|[#/.])([^)\s]+\.ipynb)", r"](nbs/\1", src)  # links seen from nbs/ become links seen from the top
        return cell | {"source": src.replace("](../", "](")}
    outputs = [] if re.search(r"^#\|\s*output:\s*false", src, re.M) else [plain(out) for out in cell["outputs"]]
    return cell | {"source": re.sub(r"^#\|.*\n?", "", src, flags=re.M), "execution_count": 1, "outputs": outputs}


def plain(output):
    "Keep only the text of an output; pandoc refuses an empty execution count"
    if "execution_count" in output:
        output = output | {"execution_count": 1}
    return output | {"data": {"text/plain": output["data"].get("text/plain", "")}} if "data" in output else output


def readme():
    nb = json.loads((ROOT / "nbs/index.ipynb").read_text("utf-8"))
    nb["cells"] = [cell for cell in map(shown, nb["cells"]) if cell]
    return HEAD + pypandoc.convert_text(json.dumps(nb), "gfm-raw_html", format="ipynb", extra_args=["--wrap=preserve"])


def main(args):
    if "--check" not in args:
        return (Path(args[0]) if args else ROOT / "README.md").write_text(readme(), "utf-8") and 0
    path = ROOT / "README.md"
    if path.exists() and path.read_text("utf-8") == readme():
        return 0
    print("README.md is not current: run python tools/readme.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
