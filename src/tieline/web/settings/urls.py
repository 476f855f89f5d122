"""Addresses of the workspace's settings."""

from django.urls import path

from tieline.web.settings import views

urlpatterns = [
    path("settings/", views.workspace, name="settings"),
    path("settings/second-factor/", views.second_factor, name="settings-second_factor"),
]
