"""Addresses of replays. Their names begin with "runs-": in the menu they belong to the runs."""

from django.urls import path

from tieline.web.replay import views

urlpatterns = [
    path("replay/", views.replays, name="runs-replays"),
    path("replay/begin/", views.begin, name="runs-replay-begin"),
    path("replay/<str:shown>/", views.replay, name="runs-replay"),
    path("replay/<str:shown>/step/", views.step, name="runs-replay-step"),
    path("replay/<str:shown>/again/", views.again, name="runs-replay-again"),
    path("replay/<str:shown>/live/", views.live, name="runs-replay-live"),
    path("replay/<str:shown>/apply/", views.apply, name="runs-replay-apply"),
]
