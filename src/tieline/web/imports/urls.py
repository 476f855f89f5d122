"""Addresses of imports, below their connection's."""

from django.urls import path

from tieline.web.imports import views

urlpatterns = [
    path("connections/<str:connection>/imports/", views.imports_of, name="connections-imports"),
    path("connections/<str:connection>/imports/<str:shown_id>/", views.one, name="connections-import"),
    path(
        "connections/<str:connection>/imports/<str:shown_id>/progress/",
        views.progress,
        name="connections-import_progress",
    ),
    path("connections/<str:connection>/imports/<str:shown_id>/stop/", views.stop, name="connections-import_stop"),
    path(
        "connections/<str:connection>/imports/<str:shown_id>/discard/", views.discard, name="connections-import_discard"
    ),
]
