#!/usr/bin/env python3
"""A server that takes messages of a gateway: who sent it is proved, what comes twice is taken once.

    HOOK_SECRET=... python3 examples/verify_webhook.py 8099

Needs Python 3.9 and nothing else. In gateway.yaml: `notify: { webhooks: [{ id: ops, url: "http://...:8099/", secret: "${HOOK_SECRET}" }] }`.
"""
import hashlib
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import environ

OLDEST_S = 300
MOST_BYTES = 1_000_000


def is_signed(secret, signature, body, now=None):
    """Whether `signature` ("t=SECONDS,v1=HEX") is one of these very bytes, by somebody who has the secret, within the last minutes.

    Of a message of MQTT: is_signed(secret, message["signature"], message["body"].encode()), and then json.loads(message["body"]).
    """
    parts = dict(part.split("=", 1) for part in (signature or "").split(",") if "=" in part)
    at = parts.get("t", "")
    if not (at.isascii() and at.isdigit()) or abs((time.time() if now is None else now) - int(at)) > OLDEST_S:
        return False
    wanted = hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    # Not ==, which tells by its time how much was right.
    return hmac.compare_digest(wanted.encode(), parts.get("v1", "").encode())


def handler(secret, take):
    seen = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = self.headers.get("content-length", "")
            if not length.isdigit() or int(length) > MOST_BYTES:
                return self.answer(413)
            body = self.rfile.read(int(length))
            if not is_signed(secret, self.headers.get("x-gridtally-signature"), body):
                return self.answer(401)
            message = json.loads(body)
            # In memory here; keep deliveries where they outlive a restart if taking one twice does harm.
            if message["delivery"] not in seen:
                seen[message["delivery"]] = True
                if len(seen) > 10_000:
                    seen.pop(next(iter(seen)))
                take(message)
            self.answer(204)

        def answer(self, status):
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    return Handler


def show(message):
    """What a message says, in a line."""
    kind = message["type"]
    if kind == "billing.changed":
        print(f"billing: changes up to {message['seq']}, fetch GET {message['url']}?since=YOUR_LAST", flush=True)
    elif kind == "health.changed":
        print("health:", "; ".join(f"{one['part']} {one['state']}: {one['sentence']}" for one in message["parts"]), flush=True)
    elif kind == "cases.changed":
        lost = f", {message['dropped']} before were given up: see GET /api/v1/cases" if message["dropped"] else ""
        print(f"cases: {message['count']} changes{lost}", flush=True)
    else:
        print(kind, flush=True)


if __name__ == "__main__":
    if not environ.get("HOOK_SECRET"):
        sys.exit("HOOK_SECRET is not set")
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), handler(environ["HOOK_SECRET"], show))
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()
