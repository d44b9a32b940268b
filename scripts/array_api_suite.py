"""The public test suite of the array API standard ↦ the table of docs/conformance.md.

    python scripts/array_api_suite.py FOLDER [--max-examples 100] [--jobs 2]

FOLDER is a clone of https://github.com/data-apis/array-api-tests with its submodule `array-api`. Beside the `test`
extra this needs pytest-json-report and ndindex. The suite runs on a copy with one line changed: as it stands, it cannot
be imported for a library without complex numbers. Tests of complex numbers are skipped, by the plugin at the end of
this file.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest

VERSION = "2024.12"
XP = "mapsto.xp"
OF_WRITABLE = "exec('from mapsto import xp as own; xp = own.writable(0).__array_namespace__()')"
PAGE = Path(__file__).parent.parent / "docs" / "conformance.md"
BEGIN, END = "<!-- results begin -->", "<!-- results end -->"
# The suite takes the largest complex type of a list that may be empty.
FOUND = "max(\n    [(dt, dtype_nbits[dt]) for dt in complex_dtypes], key=lambda x: x[1]\n)"
MENDED = "max(\n    [(dt, dtype_nbits[dt]) for dt in complex_dtypes], key=lambda x: x[1], default=(None, 0)\n)"

IMMUTABLE = "writes `x[key] = value`; arrays are immutable here, and say how to make a new one"
REASONS = {
    "test_array_object.py::test_setitem": IMMUTABLE,
    "test_array_object.py::test_setitem_masking": IMMUTABLE,
    "test_creation_functions.py::test_asarray_arrays": IMMUTABLE,
}
COMPLEX = "complex numbers"
SAID = {"flaky": "flaky (the suite's own word)"}
TRANSFORMS = "fft ifft fftn ifftn rfft irfft rfftn irfftn hfft ihfft".split()
# Special cases say `real(x_i) is NaN`; the rest are the functions of `fft`, their names and signatures.
OF_COMPLEX = re.compile(
    r"(?:real|imag)\(x_i\)|test_vecdot_conj|(?:test_fft\.py::test_|\[fft[-.])(?:"
    + "|".join(TRANSFORMS)
    + r")(?:$|\]|\[)"
)


class Outcome(NamedTuple):
    """What became of one test: `passed`, `failed` or `skipped`, and why it was skipped."""

    test: str
    result: str
    reason: str


def prepared(suite: Path, copy: Path) -> None:
    """Copy what the suite needs, with the line changed without which it cannot be imported."""
    for name in ("array_api_tests", "array-api/src", f"array-api/spec/{VERSION}"):
        shutil.copytree(suite / name, copy / name)
    for name in ("conftest.py", "pytest.ini", "reporting.py"):
        shutil.copy(suite / name, copy / name)
    helpers = copy / "array_api_tests" / "dtype_helpers.py"
    helpers.write_text(helpers.read_text(encoding="utf-8").replace(FOUND, MENDED), encoding="utf-8")


def run(copy: Path, namespace: str, examples: int, jobs: int) -> list[Outcome]:
    """Run the suite of a folder on a namespace, in the suite's way of naming one."""
    here = Path(__file__).parent
    report = copy / "report.xml"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(here.parent), str(here)]),
        "ARRAY_API_TESTS_MODULE": namespace,
        "ARRAY_API_TESTS_VERSION": VERSION,
        "ARRAY_API_TESTS_SKIP_DTYPES": "complex64,complex128",
    }
    options = [f"--max-examples={examples}", "--disable-deadline", f"--junitxml={report}", "-p", Path(__file__).stem]
    options += ["-q", "-p", "no:cacheprovider", "-n", str(jobs)]
    subprocess.run([sys.executable, "-m", "pytest", "array_api_tests", *options], cwd=copy, env=environment)
    return [outcome(case) for case in ElementTree.parse(report).iter("testcase")]


def outcome(case: ElementTree.Element) -> Outcome:
    """One test of the report."""
    place = case.get("classname", "").removeprefix("array_api_tests.").split(".")
    test = "::".join([f"{place[0]}.py", *place[1:], case.get("name", "")])
    skipped = case.find("skipped")
    if skipped is not None:
        return Outcome(test, "skipped", skipped.get("message", ""))
    wrong = case.find("failure") is not None or case.find("error") is not None
    return Outcome(test, "failed" if wrong else "passed", "")


def table(outcomes: list[Outcome]) -> list[str]:
    """Outcomes ↦ lines of text: counts by file, which tests failed and why, why tests were skipped."""
    files = sorted({one.test.split("::")[0] for one in outcomes})
    counts = Counter((one.test.split("::")[0], one.result) for one in outcomes)
    total = Counter(one.result for one in outcomes)
    lines = ["| file | passed | failed | skipped |", "|---|---:|---:|---:|"]
    for file in files:
        lines.append(f"| {file} | " + " | ".join(str(counts[file, r]) for r in ("passed", "failed", "skipped")) + " |")
    lines.append("| **all** | " + " | ".join(f"**{total[r]}**" for r in ("passed", "failed", "skipped")) + " |")
    lines += ["", "Failed:", ""]
    failed = [one.test for one in outcomes if one.result == "failed"]
    lines += [f"- `{test}`: {REASONS.get(test, 'not explained yet')}." for test in sorted(failed)] or ["- none."]
    lines += ["", "Skipped:", ""]
    skipped = Counter(one.reason for one in outcomes if one.result == "skipped")
    return [*lines, *(f"- {count} × {SAID.get(reason, reason)}." for reason, count in skipped.most_common())]


def in_short(outcomes: list[Outcome]) -> list[str]:
    """Outcomes ↦ lines of text: counts, and which tests failed."""
    total = Counter(one.result for one in outcomes)
    counts = ", ".join(f"{total[result]} {result}" for result in ("passed", "failed", "skipped"))
    failed = [f"- `{one.test}`" for one in outcomes if one.result == "failed"]
    return [f"On arrays of `xp.writable`: {counts}.", "", *failed]


def main() -> None:
    """Run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", type=Path)
    parser.add_argument("--max-examples", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        prepared(chosen.suite, Path(folder))
        own, writable = (run(Path(folder), one, chosen.max_examples, chosen.jobs) for one in (XP, OF_WRITABLE))
    lines = [f"With up to {chosen.max_examples} examples a test:", "", *table(own), "", *in_short(writable)]
    found = "\n".join(lines).rstrip()
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{found}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")
    print(found)


# the plugin


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Skip what is about complex numbers."""
    for item in items:
        if OF_COMPLEX.search(item.nodeid):
            item.add_marker(pytest.mark.skip(reason=COMPLEX))


if __name__ == "__main__":
    main()
