"""Addresses of the team's page."""

from django.urls import path

from tieline.web.team import views

urlpatterns = [
    path("team/", views.team, name="team"),
    path("team/invite/", views.invite, name="team-invite"),
    path("team/invitations/<str:shown>/renew/", views.renew, name="team-renew"),
    path("team/invitations/<str:shown>/revoke/", views.revoke, name="team-revoke"),
    path("team/members/<str:shown>/role/", views.role, name="team-role"),
    path("team/members/<str:shown>/sign-out/", views.sign_out, name="team-sign_out"),
    path("team/members/<str:shown>/remove/", views.remove, name="team-remove"),
]
