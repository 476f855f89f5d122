"""Addresses of runs."""

from django.urls import path

from tieline.web.runs import views

urlpatterns = [
    path("runs/", views.runs, name="runs"),
    path("runs/new/", views.new, name="runs-new"),
    path("runs/<str:shown>/", views.run, name="runs-run"),
    path("runs/<str:shown>/story/", views.story, name="runs-story"),
    path("calls-of/<str:shown>/", views.call, name="runs-call"),
    path("calls-of/<str:shown>/story/", views.call_story, name="runs-call-story"),
    path("calls-of/<str:shown>/retry/", views.retry, name="runs-retry"),
]
