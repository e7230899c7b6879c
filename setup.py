"Version, dependencies and extras come from settings.ini, the packages are the folders; the rest stands in pyproject.toml."

from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

config = ConfigParser(delimiters=["="])
config.read(Path(__file__).parent / "settings.ini", encoding="utf-8")
cfg = config["DEFAULT"]
extras = {key.removesuffix("_requirements"): cfg[key].split() for key in cfg if key.endswith("_requirements")}
extras["dev"] = sorted({req for reqs in extras.values() for req in reqs})
packages = [*find_packages(include=["liuan_eval", "liuan_eval.*"]), "liuan_eval.data", "liuan_eval.studies"]

setup(version=cfg["version"], packages=packages, install_requires=cfg["requirements"].split(), extras_require=extras)
