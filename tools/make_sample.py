"Write the embedded sample: `python tools/make_sample.py [FOLDER]`. The same city gives the same tables; see nbs/truth/city.ipynb and nbs/truth/province.ipynb."

import sys
from pathlib import Path

from liuan_eval.truth.city import City, simulate
from liuan_eval.truth.province import bulletins

if __name__ == "__main__":
    folder = simulate(City()).save(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "data" / "sample")
    bulletins().to_csv(folder / "bulletins.csv", index=False, float_format="%.6g")
    for file in sorted(folder.iterdir()):
        print(f"{file.stat().st_size:>9,}  {file}")
