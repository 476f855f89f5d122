"""Addresses of the calls flow."""

from django.urls import path

from tieline.web.calls import views

urlpatterns = [
    path("calls/", views.first, name="calls"),
    path("calls/live/", views.live, name="calls-live"),
    path("calls/try/", views.try_it, name="calls-try"),
    path("calls/<slug:tab>/", views.rules, name="calls-rules"),
    path("calls/<slug:tab>/edit/", views.edit, name="calls-edit"),
]
