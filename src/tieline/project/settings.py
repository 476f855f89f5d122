"""Django's settings. What differs between installations comes from the environment (`environment.py`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from tieline.project import environment, keys
from tieline.store.postgres import database_urls

ENVIRONMENT = environment.read()
DATA_DIR = ENVIRONMENT.data
PACKAGE = Path(__file__).resolve().parent.parent

DEBUG = ENVIRONMENT.debug
TIELINE_SAMPLES = ENVIRONMENT.samples  # the page /parts/, for people who build pages
SECRET_KEY = keys.signing_key(DATA_DIR)
TIELINE_SECRET_KEYS = keys.secret_keys(DATA_DIR)
TIELINE_PUBLIC_URL = ENVIRONMENT.public_url
ALLOWED_HOSTS = list(ENVIRONMENT.hosts)

# ------------------------------------------------------------------------------------------------------------- parts
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "tieline.store.team",
    "tieline.store",
    "tieline.web",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
]

MIDDLEWARE = [
    "tieline.web.middleware.security.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "tieline.web.middleware.static.StaticFiles",
    "django.middleware.gzip.GZipMiddleware",
    "tieline.web.middleware.workspace.WorkspacePath",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tieline.web.middleware.preferences.Preferences",
    "tieline.web.middleware.workspace.CurrentMember",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "tieline.project.urls"
ASGI_APPLICATION = "tieline.project.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "tieline.web.frame.frame",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "tieline.web.templatetags.parts",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"


# ---------------------------------------------------------------------------------------------------------- database
def _database(address: str, *, pool: bool) -> dict[str, Any]:
    """Django's dict for an address of libpq, a URL or `key=value` pairs. What Django has no name for goes to libpq."""
    said = conninfo_to_dict(address)
    named = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    options: dict[str, Any] = {key: value for key, value in said.items() if key not in named.values()}
    if pool:
        options["pool"] = {"min_size": 1, "max_size": 12, "timeout": 10}
    where = {ours: str(said.get(theirs) or "") for ours, theirs in named.items()}
    return {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 0, "OPTIONS": options, **where}


_URLS = database_urls()
DATABASES = {
    "default": _database(_URLS.app, pool=True),  # no superuser, no BYPASSRLS: pages, intake and workers
    "owner": _database(_URLS.owner, pool=False),  # migrations only
}
DATABASE_ROUTERS = ["tieline.project.routers.OwnerMigrates"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {  # shared by all web processes, since sign-in's rate limits are counted in it
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "team_cache"},
}

# ----------------------------------------------------------------------------------------------------------- sign-in
AUTH_USER_MODEL = "team.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": "tieline.web.accounts.passwords.NotAboutYou", "OPTIONS": {"user_attributes": ("email", "name")}},
    {"NAME": "tieline.web.accounts.passwords.LongEnough", "OPTIONS": {"min_length": 10}},
    {"NAME": "tieline.web.accounts.passwords.NotCommon"},
    {"NAME": "tieline.web.accounts.passwords.NotOnlyDigits"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account_login"

ACCOUNT_ADAPTER = "tieline.web.accounts.adapters.Accounts"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # who is let in comes by a link made for them; nobody signs up
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_FORMS = {
    "login": "tieline.web.accounts.forms.SignIn",
    "change_password": "tieline.web.accounts.forms.ChangePassword",
    "reauthenticate": "tieline.web.accounts.forms.ConfirmPassword",
}
MFA_ADAPTER = "tieline.web.accounts.adapters.SecondFactor"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Tieline"
MFA_TOTP_TOLERANCE = 1
MFA_FORMS = {
    "authenticate": "tieline.web.accounts.forms.EnterCode",
    "reauthenticate": "tieline.web.accounts.forms.EnterCode",
    "activate_totp": "tieline.web.accounts.forms.SwitchOnApp",
}

# ---------------------------------------------------------------------------------------------------------- sessions
SESSION_ENGINE = "tieline.store.team.sessions"
SESSION_COOKIE_NAME = "tieline_session"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SECURE = ENVIRONMENT.https
SESSION_COOKIE_SAMESITE = "Lax"  # consent pages of vendors come back by a link from elsewhere
CSRF_COOKIE_NAME = "tieline_csrf"
CSRF_COOKIE_SECURE = ENVIRONMENT.https
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [ENVIRONMENT.origin]
CSRF_FAILURE_VIEW = "tieline.web.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if ENVIRONMENT.https else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
if ENVIRONMENT.trust_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# What a page may load: ours and nothing else. tieline.web.middleware.security adds it to every answer of a page.
CONTENT_SECURITY_POLICY: dict[str, list[str]] = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "style-src-attr": ["'none'"],
    "script-src-attr": ["'none'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "manifest-src": ["'self'"],
    "worker-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}

# ------------------------------------------------------------------------------------------------------------ e-mail
TIELINE_MAIL = bool(ENVIRONMENT.mail.host)  # else pages show links to hand over instead of sending them
EMAIL_HOST, EMAIL_PORT = ENVIRONMENT.mail.host, ENVIRONMENT.mail.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = ENVIRONMENT.mail.user, ENVIRONMENT.mail.password
EMAIL_USE_TLS, EMAIL_USE_SSL = ENVIRONMENT.mail.starttls, ENVIRONMENT.mail.tls
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENVIRONMENT.mail.sender

# --------------------------------------------------------------------------------------------- languages, numbers, time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français"), ("da", "Dansk"), ("it", "Italiano")]
LOCALE_PATHS = [PACKAGE / "locale"]
LANGUAGE_COOKIE_NAME = "tieline_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = ENVIRONMENT.https
USE_I18N = True
USE_THOUSAND_SEPARATOR = False  # `|number` puts them in: never into an address, an id or a field
USE_TZ = True
TIME_ZONE = "UTC"

# ------------------------------------------------------------------------------------------------------------- static
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_ALLOW_ALL_ORIGINS = False

# --------------------------------------------------------------------------------------------------------------- log
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
