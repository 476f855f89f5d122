"""Addresses of the API's page."""

from django.urls import path

from tieline.web.tokens import views

urlpatterns = [
    path("tokens/", views.tokens, name="tokens"),
    path("tokens/make/", views.make, name="tokens-make"),
    path("tokens/<str:shown>/end/", views.end, name="tokens-end"),
]
