"""`SECRET=whsec_... python -m examples.receiver --port 9000`: print messages that verify.

What a receiver has to do, without any package: take the body as it is, check the signature and
the time, answer 2xx at once, and remember ids, as a message may come twice.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_OLD_S = 300
_seen: set[str] = set()


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether the message is from who knows the secret, and is of now."""
    message, sent_s = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent_s.isdecimal() or abs(time.time() - int(sent_s)) > _OLD_S:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message}.{sent_s}.".encode() + body
    right = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(right, each) for each in given)


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Take one message."""
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        fine = verified(os.environ["SECRET"], headers, body)
        self.send_response(204 if fine else 401)
        self.end_headers()
        if fine and headers["webhook-id"] not in _seen:
            _seen.add(headers["webhook-id"])
            told = json.loads(body)
            about = told["data"].get("job") or told["data"].get("webhook")
            print(told["type"], about, told["data"].get("state", ""), flush=True)

    def log_message(self, *_: object) -> None:
        """Print messages only."""


def main() -> None:
    """Listen on this machine until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9000)
    server = ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), _Receiver)
    server.serve_forever()


if __name__ == "__main__":
    main()
