"""The web front: a page for people, made of what the API answers."""
import json
import os
import signal
import sys
import urllib.error
import urllib.request

from flask import Flask, redirect, request

API = os.environ.get("API_URL", "http://api:8080")
app = Flask(__name__)


def ask(path, data=None):
    body = json.dumps(data).encode() if data is not None else None
    call = urllib.request.Request(API + path, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(call, timeout=5) as answer:
        return json.load(answer)


@app.get("/")
def index():
    rows = "".join(
        "<li>%s, %s € <form method=post action=/buy><button name=product value=%s>buy</button>"
        "</form></li>" % (name, price, name) for name, price in sorted(ask("/products").items()))
    return "<!doctype html><title>Shop</title><h1>Shop</h1><ul>%s</ul>\n" % rows


@app.post("/buy")
def buy():
    try:
        return redirect("/orders/%d" % ask("/orders", {"product": request.form["product"]})["order"])
    except urllib.error.HTTPError as error:
        return "The shop does not have that.\n", error.code


@app.get("/orders/<int:number>")
def order(number):
    return "<!doctype html><title>Order</title><p>Order %d: %s</p>\n" % (
        number, ask("/orders/%d" % number)["state"])


@app.get("/healthz")
def healthz():
    return "ok\n"


# As the first process of its container it would not hear SIGTERM otherwise.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
app.run(host="0.0.0.0", port=8080)
