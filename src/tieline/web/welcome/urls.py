"""Addresses of the first run."""

from django.urls import path

from tieline.web.welcome import views

urlpatterns = [
    path("start/", views.start, name="start"),
    path("start/company/", views.company, name="start-company"),
    path("start/crm/", views.crm, name="start-crm"),
    path("start/phone/", views.phone, name="start-phone"),
    path("start/connect/<str:connector>/", views.connect, name="start-connect"),
    path("start/events/", views.events, name="start-events"),
    path("start/events/arrived/", views.arrived, name="start-arrived"),
    path("start/practise/", views.practise, name="start-practise"),
    path("start/lines/", views.lines, name="start-lines"),
    path("start/live/", views.live, name="start-live"),
    path("start/done/", views.done, name="start-done"),
]
