"""Addresses of undos."""

from django.urls import path

from tieline.web.undo import views

urlpatterns = [
    path("undo/", views.undos, name="runs-undos"),
    path("undo/begin/", views.begin, name="runs-undo-begin"),
    path("undo/<str:shown>/", views.undo, name="runs-undo"),
    path("undo/<str:shown>/live/", views.live, name="runs-undo-live"),
    path("undo/<str:shown>/approve/", views.approve, name="runs-undo-approve"),
    path("undo/<str:shown>/again/", views.again, name="runs-undo-again"),
    path("undo/<str:shown>/look/", views.look, name="runs-undo-look"),
    path("undo/<str:shown>/drop/", views.drop, name="runs-undo-drop"),
]
