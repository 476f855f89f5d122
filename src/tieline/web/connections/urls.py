"""Addresses of connections."""

from django.urls import path

from tieline.web.connections import changing, client, connecting, fetching, taking_over, views

urlpatterns = [
    path("connections/", views.marketplace, name="connections"),
    path("connections/consent/", connecting.returned, name="connections-consent"),
    path("connections/new/<str:connector>/", connecting.new, name="connections-new"),
    path("connections/client/<str:connector>/", client.client, name="connections-client"),
    path("connections/client/<str:connector>/forget/", client.forget, name="connections-client_forget"),
    path("connections/<str:connection>/", views.one, name="connections-one"),
    path("connections/<str:connection>/pulse/", views.pulse, name="connections-pulse"),
    path("connections/<str:connection>/event/", views.last_event, name="connections-event"),
    path("connections/<str:connection>/reconnect/", connecting.reconnect, name="connections-reconnect"),
    path("connections/<str:connection>/pause/", changing.pause, name="connections-pause"),
    path("connections/<str:connection>/resume/", changing.resume, name="connections-resume"),
    path("connections/<str:connection>/refresh/", changing.refresh, name="connections-refresh"),
    path("connections/<str:connection>/disconnect/", changing.disconnect, name="connections-disconnect"),
    path("connections/<str:connection>/secret/", changing.secret, name="connections-secret"),
    path("connections/<str:connection>/address/", changing.address, name="connections-address"),
    path("connections/<str:connection>/sandbox/", changing.sandbox, name="connections-sandbox"),
    path("connections/<str:connection>/lines/", changing.lines, name="connections-lines"),
    path("connections/<str:connection>/lines/fetch/", fetching.lines, name="connections-lines_fetch"),
    path("connections/<str:connection>/access/", fetching.access, name="connections-access"),
    path("connections/<str:connection>/address/old/", fetching.old_address, name="connections-old_address"),
    path("connections/<str:connection>/fetching/", fetching.progress, name="connections-fetch"),
    path("connections/<str:connection>/fetching/start/", fetching.start, name="connections-fetch_start"),
    path("connections/<str:connection>/fetching/stop/", fetching.stop, name="connections-fetch_stop"),
    path("connections/<str:connection>/use/", taking_over.take_over, name="connections-take_over"),
    path("connections/<str:connection>/rename/", changing.rename, name="connections-rename"),
]
