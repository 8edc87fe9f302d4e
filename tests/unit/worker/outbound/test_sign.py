import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from worker.outbound.sign import signed

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"type":"ping","data":{"name":"Zoë"}}'


def test_the_signature_is_the_one_that_the_specification_shows() -> None:
    """The numbers of the specification's own example."""
    body = '{"test": 2432232314}'
    headers = signed([SECRET], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_another_library_verifies_it_and_finds_a_changed_body() -> None:
    headers = signed([SECRET], "msg_1", int(time.time()), BODY)
    assert Webhook(SECRET).verify(BODY, headers)["data"] == {"name": "Zoë"}
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY.replace("ping", "pong"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY, headers | {"webhook-id": "msg_2"})


def test_while_a_secret_is_changed_who_has_the_old_or_the_new_one_verifies_it() -> None:
    older = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
    headers = signed([SECRET, older], "msg_1", int(time.time()), BODY)
    for secret in (SECRET, older):
        assert Webhook(secret).verify(BODY, headers)["type"] == "ping"
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "B" * 32).verify(BODY, headers)
