"""Every address of the pages and of the API. Each page says who may open it (`tieline.web.permissions`), each route of the API too
(`tieline.api.v1.access`)."""

from django.urls import include, path

from tieline.api.v1 import api

urlpatterns = [path("api/v1/", api.urls), path("", include("tieline.web.urls"))]

handler400 = "tieline.web.errors.bad_request"
handler403 = "tieline.web.errors.forbidden"
handler404 = "tieline.web.errors.not_found"
handler500 = "tieline.web.errors.server_error"
