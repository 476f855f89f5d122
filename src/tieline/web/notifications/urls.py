"""Addresses of notifications."""

from django.urls import path

from tieline.web.notifications import views

urlpatterns = [
    path("notifications/", views.notifications, name="notifications"),
    path("notifications/read/", views.read, name="notifications-read"),
    path("notifications/choose/", views.choose, name="notifications-choose"),
]
