"""Service B: takes a moment to be ready, then answers."""
import os
import signal
import sys
import time

from flask import Flask

app = Flask(__name__)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as process 1 it would be ignored
time.sleep(float(os.environ.get("START_SECONDS", "2")))


@app.get("/")
def index():
    return "hello from B (" + os.environ.get("HOSTNAME", "?") + ")\n"


@app.get("/healthz")
def healthz():
    return "ok\n"


app.run(host="0.0.0.0", port=8080)
