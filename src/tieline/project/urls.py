"""Every address of the pages. Each page says who may open it (`tieline.web.permissions`)."""

from django.urls import include, path

urlpatterns = [path("", include("tieline.web.urls"))]

handler400 = "tieline.web.errors.bad_request"
handler403 = "tieline.web.errors.forbidden"
handler404 = "tieline.web.errors.not_found"
handler500 = "tieline.web.errors.server_error"
