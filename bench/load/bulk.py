"""Reads a whole period into a pandas DataFrame in one format, again and again; one JSON line a round."""
import io
import json
import sys
import time
import urllib.request

import pandas
import pyarrow


def main():
    asked = json.load(sys.stdin)
    for _ in range(asked["rounds"]):
        started = time.perf_counter()
        size, frame = READERS[asked["format"]](asked)
        print(json.dumps({"seconds": time.perf_counter() - started, "bytes": size, "rows": len(frame)}), flush=True)


def post(asked, **more):
    request = urllib.request.Request(
        asked["url"],
        json.dumps({**asked["body"], **more}).encode(),
        {"content-type": "application/json", "x-kamaitachi-timeout-ms": "30000"},
    )
    return urllib.request.urlopen(request).read()


def arrow(asked):
    body = post(asked, subjects=asked["subjects"], format="arrow")
    return len(body), pyarrow.ipc.open_stream(body).read_all().to_pandas()


def csv(asked):
    body = post(asked, subjects=asked["subjects"], format="csv")
    return len(body), pandas.read_csv(io.BytesIO(body))


def ndjson(asked):
    body = post(asked, subjects=asked["subjects"], format="ndjson")
    return len(body), pandas.read_json(io.BytesIO(body), lines=True)


def as_json(asked):
    """In parts: an answer in JSON is at most 64 MiB."""
    rows = []
    size = 0
    for at in range(0, len(asked["subjects"]), asked["subjectsAtOnce"]):
        body = post(asked, subjects=asked["subjects"][at : at + asked["subjectsAtOnce"]])
        size += len(body)
        for one in json.loads(body)["data"]:
            for item in one["data"]:
                rows.append({**one["subject"], **item})
    return size, pandas.DataFrame(rows)


READERS = {"arrow": arrow, "csv": csv, "ndjson": ndjson, "json": as_json}

main()
