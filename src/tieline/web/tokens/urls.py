"""Addresses of the API's page."""

from django.urls import path

from tieline.web.tokens import hooks, views

urlpatterns = [
    path("tokens/", views.tokens, name="tokens"),
    path("tokens/make/", views.make, name="tokens-make"),
    path("tokens/<str:shown>/end/", views.end, name="tokens-end"),
    path("tokens/hooks/make/", hooks.make, name="tokens-hooks_make"),
    path("tokens/hooks/<str:shown>/", hooks.deliveries, name="tokens-hooks_deliveries"),
    path("tokens/hooks/<str:shown>/change/", hooks.change, name="tokens-hooks_change"),
    path("tokens/hooks/<str:shown>/rotate/", hooks.rotate, name="tokens-hooks_rotate"),
    path("tokens/hooks/<str:shown>/test/", hooks.test, name="tokens-hooks_test"),
    path("tokens/hooks/<str:shown>/end/", hooks.end, name="tokens-hooks_end"),
    path("tokens/hooks/<str:shown>/again/<str:message>/", hooks.again, name="tokens-hooks_again"),
]
