"""authlib (PyPI) against the running service: the code flow with its ID token checked, and a service account.

Reads on standard input, writes on standard output, one JSON object a line: the test on the other side is the user's browser.
"""

import json
import sys

import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, jwt
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url


def say(**what):
    print(json.dumps(what), flush=True)


def heard():
    return json.loads(sys.stdin.readline())


given = heard()
issuer = given["issuer"]
metadata = requests.get(get_well_known_url(issuer, external=True), timeout=10).json()
assert metadata["issuer"] == issuer
keys = JsonWebKey.import_key_set(requests.get(metadata["jwks_uri"], timeout=10).json())

web = OAuth2Session(
    given["client_id"],
    given["client_secret"],
    scope="openid profile notes:read",
    redirect_uri=given["redirect_uri"],
    code_challenge_method="S256",
)
verifier, nonce = generate_token(48), generate_token(20)
url, state = web.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
say(visit=url)
token = web.fetch_token(
    metadata["token_endpoint"], authorization_response=heard()["back"], state=state, code_verifier=verifier
)
claims = jwt.decode(
    token["id_token"],
    keys,
    claims_cls=CodeIDToken,
    claims_options={"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": given["client_id"]}},
    claims_params={"nonce": nonce, "client_id": given["client_id"]},
)
claims.validate(leeway=5)
info = web.get(metadata["userinfo_endpoint"]).json()
assert info["sub"] == claims["sub"], info

worker = OAuth2Session("worker", given["worker_secret"], scope="notes:read")
own = worker.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
say(username=info["preferred_username"], scope=token["scope"], own_scope=own["scope"])
