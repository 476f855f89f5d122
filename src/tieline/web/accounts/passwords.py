"""What a password must be, in our words: Django's are not complete in every language and name the columns of a table."""

from __future__ import annotations

from django.contrib.auth import password_validation as django
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


class LongEnough(django.MinimumLengthValidator):
    """At least so many characters."""

    def get_error_message(self) -> str:
        """Too short."""
        return ngettext(
            "This password is too short: at least %(count)d character.",
            "This password is too short: at least %(count)d characters.",
            self.min_length,
        ) % {"count": self.min_length}

    def get_help_text(self) -> str:
        """The one rule that is said beforehand."""
        return ngettext("At least %(count)d character.", "At least %(count)d characters.", self.min_length) % {
            "count": self.min_length
        }


class NotAboutYou(django.UserAttributeSimilarityValidator):
    """Not like one's name or address."""

    def get_error_message(self) -> str:
        """Too like what others know."""
        return _("This password is too like your name or e-mail.")

    def get_help_text(self) -> str:
        """Said when it matters."""
        return ""


class NotCommon(django.CommonPasswordValidator):
    """Not one of the twenty thousand that are tried first."""

    def get_error_message(self) -> str:
        """Too common."""
        return _("This password is one of those that are tried first.")

    def get_help_text(self) -> str:
        """Said when it matters."""
        return ""


class NotOnlyDigits(django.NumericPasswordValidator):
    """Not a number."""

    def get_error_message(self) -> str:
        """A number."""
        return _("This password has digits only.")

    def get_help_text(self) -> str:
        """Said when it matters."""
        return ""
