"""Claims about speed, each with the file that measures it. `python -m bench.peers` compares with other frameworks."""
