"""Saved mappings as a web service: `mapsto serve digits.mapsto`, or `mt.serve(mapping)`.

`model` is a file that was loaded to be served, `batcher` gathers examples of many clients into batches, `app` answers
over HTTP, `run` starts it all. FastAPI and uvicorn are needed from `app` on: `pip install "mapsto[serve]"`.
"""
