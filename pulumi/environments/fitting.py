# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a stack's configuration fits the description that it goes with: a sentence for each problem, as of a wrong value."""

from __future__ import annotations

from collections.abc import Iterator

from .dfsp_facts import ConnectorKind, DfspFacts
from .hub_facts import HubFacts
from .settings import DfspSettings, HubSettings


def unfit_parts(settings: HubSettings, hub: HubFacts) -> Iterator[str]:
    """Parts of a hub that its description does not go with."""
    if settings.keycloak and not hub.token_issuer.issuer.endswith(f"/realms/{hub.realm or '-'}"):
        allowed = "authorization_server of kind keycloak in hub.yml, with the issuer https://<host>/realms/<realm>"
        yield f"keycloak: the hub's authorization server is another one; allowed: {allowed}"
    if settings.testing_toolkit and hub.production:
        yield "testingToolkit: the environment is of kind production; allowed: nothing"


def unfit_settings(settings: DfspSettings, facts: DfspFacts) -> Iterator[str]:
    """Settings that the participant's connector needs and that lack, and the other way round."""
    images = {"connectorImage": settings.connector_image, "cacheImage": settings.cache_image}
    for key, image in images.items():
        if facts.connector is ConnectorKind.OZONE_CONNECT and image:
            yield f"{key}: the connector is ozone-connect, which has none; allowed: nothing"
        elif facts.connector is not ConnectorKind.OZONE_CONNECT and not image:
            yield f"{key}: found nothing; allowed: an image with its digest: registry/name@sha256:<64 hexadecimal digits>"
    hosted = facts.connector is ConnectorKind.PAYMENT_MANAGER
    if hosted and not settings.payment_manager:
        yield "paymentManager: found nothing; allowed: an object, because the participant's connector is payment-manager"
    if settings.payment_manager and not hosted:
        yield f"paymentManager: the participant's connector is {facts.connector}; allowed: nothing"
