"""The programs are scripts that test_programs.py runs; collecting them for doctests would import them."""

collect_ignore_glob = ["[0-9][0-9]_*.py"]
