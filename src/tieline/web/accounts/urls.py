"""Addresses of accounts. The views with allauth's names are allauth's, marked with who may open them."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from django.urls import path

from tieline.web.accounts import views
from tieline.web.permissions import public, signed_in

urlpatterns = [
    path("sign-in/", public(views.sign_in), name="account_login"),
    path("sign-in/code/", public(mfa.authenticate), name="mfa_authenticate"),
    path("sign-in/inactive/", public(account.account_inactive), name="account_inactive"),
    path("sign-in/new/", public(account.signup), name="account_signup"),
    path("sign-in/forgotten/", views.forgotten, name="account_reset_password"),
    path("sign-out/", public(account.logout), name="account_logout"),
    path("me/sign-out-everywhere/", views.sign_out_everywhere, name="me-sign_out_everywhere"),
    path("me/sessions/others/end/", views.end_other_sessions, name="me-end_other_sessions"),
    path("me/sessions/<str:named>/end/", views.end_session, name="me-end_session"),
    path("me/password/", signed_in(account.password_change), name="account_change_password"),
    path("me/confirm/", signed_in(account.reauthenticate), name="account_reauthenticate"),
    path("me/confirm/code/", signed_in(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("me/second-factor/", signed_in(views.second_factor), name="mfa_index"),
    path("me/second-factor/app/on/", signed_in(totp.activate_totp), name="mfa_activate_totp"),
    path("me/second-factor/app/off/", signed_in(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("me/second-factor/codes/", signed_in(codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path("me/second-factor/codes/new/", signed_in(codes.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("me/second-factor/codes.txt", signed_in(codes.download_recovery_codes), name="mfa_download_recovery_codes"),
    path("welcome/<str:token>/", views.welcome, name="welcome"),
]
