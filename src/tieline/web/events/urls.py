"""Addresses of events."""

from django.urls import path

from tieline.web.events import views

urlpatterns = [
    path("events/", views.events, name="events"),
    path("events/refused/", views.refused, name="events-refused"),
    path("events/<str:shown>/", views.event, name="events-event"),
]
