#!/bin/sh
# Tests the wheel in target/wheels: once where nothing else is installed, once with what it works with. Called by `make
# wheel-test`; the first argument is the Python to test with.
set -e
cd "$(dirname "$0")/../.."
wheel=$(ls -t target/wheels/docre-*.whl | head -n 1)

bare=target/python-bare
test -x $bare/bin/python || "${1:-python3}" -m venv $bare
$bare/bin/pip install --quiet --force-reinstall --no-deps "$wheel"
$bare/bin/python -m unittest discover --start-directory tests/python --pattern 'test_*.py'

full=target/python-full
test -x $full/bin/python || "${1:-python3}" -m venv $full
$full/bin/pip install --quiet --force-reinstall --no-deps "$wheel"
$full/bin/pip install --quiet duckdb mypy networkx pandas polars pyarrow twine typing_extensions
$full/bin/pip install --quiet spacy || echo 'spacy: left out, it does not install'
$full/bin/python -m unittest discover --start-directory tests/python --pattern 'test_*.py'
$full/bin/python tests/python/stubs.py
# In a folder of its own: what is installed is tested, not what stands here.
here=$PWD
scratch=$(mktemp -d)
cd "$scratch"
"$here/$full/bin/mypy" --strict --config-file "$here/src/python/pyproject.toml" -p docre
"$here/$full/bin/python" -m mypy.stubtest docre --mypy-config-file "$here/src/python/pyproject.toml" \
  --ignore-unused-allowlist --allowlist "$here/tests/python/stubtest.txt"
cd "$here"
rm -r "$scratch"
$full/bin/twine check "$wheel"
