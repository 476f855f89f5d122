"""Addresses of the inbox."""

from django.urls import path

from tieline.web.inbox import remembered, views

urlpatterns = [
    path("inbox/", views.inbox, name="inbox"),
    path("inbox/list/", views.cases, name="inbox-list"),
    path("inbox/count/", views.count, name="inbox-count"),
    path("inbox/take-back/", views.take_back, name="inbox-take_back"),
    path("inbox/remembered/", remembered.listed, name="inbox-remembered"),
    path("inbox/remembered/<str:shown>/end/", remembered.revoke, name="inbox-revoke"),
    path("inbox/<str:shown>/again/", views.again, name="inbox-again"),
    path("inbox/<str:shown>/", views.case, name="inbox-case"),
    path("inbox/<str:shown>/answer/", views.answer, name="inbox-answer"),
    path("inbox/<str:shown>/aside/", views.put_aside, name="inbox-aside"),
]
