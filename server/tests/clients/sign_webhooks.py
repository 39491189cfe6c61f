"""Signs webhooks as the platforms' own libraries do.

One request per line of the standard input, as JSON with platform, secret, url, body and now; the
headers of each as one line of the standard output, as a list of pairs.
"""

import hashlib
import hmac
import json
import sys
from urllib.parse import parse_qsl

from nacl.signing import SigningKey
from slack_sdk.signature import Clock, SignatureVerifier
from twilio.request_validator import RequestValidator

FORM = "application/x-www-form-urlencoded"


class At(Clock):
    def __init__(self, now):
        self.time = now

    def now(self):
        return self.time


def slack(secret, url, body, now):
    verifier = SignatureVerifier(secret, clock=At(now))
    signature = verifier.generate_signature(timestamp=str(now), body=body)
    return [
        ("content-type", "application/json"),
        ("x-slack-request-timestamp", str(now)),
        ("x-slack-signature", signature),
    ]


def twilio(secret, url, body, now):
    fields = dict(parse_qsl(body, keep_blank_values=True))
    signature = RequestValidator(secret).compute_signature(url, fields)
    return [("content-type", FORM), ("x-twilio-signature", signature)]


def discord(secret, url, body, now):
    signed = SigningKey(bytes.fromhex(secret)).sign(f"{now}{body}".encode())
    return [
        ("content-type", "application/json"),
        ("x-signature-timestamp", str(now)),
        ("x-signature-ed25519", signed.signature.hex()),
    ]


def whatsapp(secret, url, body, now):
    # Meta has no library for this; its documentation says how.
    tag = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    return [("content-type", "application/json"), ("x-hub-signature-256", f"sha256={tag}")]


SIGNERS = {"slack": slack, "twilio": twilio, "discord": discord, "whatsapp": whatsapp}

for line in sys.stdin:
    request = json.loads(line)
    sign = SIGNERS[request["platform"]]
    headers = sign(request["secret"], request["url"], request["body"], request["now"])
    print(json.dumps(headers))
