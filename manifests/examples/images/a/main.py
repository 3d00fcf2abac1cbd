"""Service A: answers with what it gets from service B."""
import os
import signal
import sys
import urllib.request

from flask import Flask

B = os.environ.get("B_URL", "http://b:8080/")
app = Flask(__name__)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as process 1 it would be ignored

# A is of no use without B: it asks once at its start and fails if nobody answers.
with urllib.request.urlopen(B, timeout=5) as first:
    first.read()


@app.get("/")
def index():
    with urllib.request.urlopen(B, timeout=5) as answer:
        return "A says: B said: " + answer.read().decode()


@app.get("/healthz")
def healthz():
    return "ok\n"


app.run(host="0.0.0.0", port=8080)
