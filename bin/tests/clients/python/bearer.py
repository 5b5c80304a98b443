"""An authority that signs tokens: openssl's keys and signatures, written as RFC 7515 to 7519 say."""

import base64
import json
import subprocess
import time

ISSUER, AUDIENCE = "https://id.example", "log"


def encoded(given):
    """Bytes or JSON as base64 for URLs."""
    if not isinstance(given, bytes):
        given = json.dumps(given).encode()
    return base64.urlsafe_b64encode(given).rstrip(b"=").decode()


def openssl(*arguments, given=b""):
    done = subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True)
    return done.stdout


def numbers(signature):
    """The two numbers of an ECDSA signature in DER, 32 bytes each."""
    found, at = b"", 2
    for _ in range(2):
        length = signature[at + 1]
        found += signature[at + 2 : at + 2 + length][-32:].rjust(32, b"\0")
        at += 2 + length
    return found


class Key:
    """A private key in a file of the folder, which is made unless it is there."""

    def __init__(self, folder, name, algorithm):
        self.name, self.algorithm = name, algorithm
        self.path = folder / f"{name}.key"
        if not self.path.exists():
            kind = ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
            if algorithm == "ES256":
                kind = ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
            openssl("genpkey", "-out", self.path, "-algorithm", *kind)

    def public(self):
        """What a set of keys says of it."""
        said = {"kid": self.name, "alg": self.algorithm, "use": "sig"}
        if self.algorithm == "RS256":
            modulus = openssl("rsa", "-in", self.path, "-noout", "-modulus").decode().strip()
            modulus = bytes.fromhex(modulus.removeprefix("Modulus="))
            return {**said, "kty": "RSA", "n": encoded(modulus), "e": encoded(b"\1\0\1")}
        point = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")[-64:]
        x, y = encoded(point[:32]), encoded(point[32:])
        return {**said, "kty": "EC", "crv": "P-256", "x": x, "y": y}

    def token(self, user, **claims):
        """A token that counts for ten minutes, unless the claims say something else."""
        now = int(time.time())
        usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": user, "iat": now, "exp": now + 600}
        claims = usual | claims
        head = {"alg": self.algorithm, "kid": self.name}
        signed = f"{encoded(head)}.{encoded(claims)}"
        signature = openssl("dgst", "-sha256", "-sign", self.path, given=signed.encode())
        if self.algorithm == "ES256":
            signature = numbers(signature)
        return f"{signed}.{encoded(signature)}"


def publish(path, keys):
    """Replaces the set of keys, so that nobody reads half of it."""
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps({"keys": [key.public() for key in keys]}))
    unfinished.replace(path)
