"""Addresses of customers."""

from django.urls import path

from tieline.web.customers import feeds, overview, panel, past, records, rules, runs

_ONE = "records/<str:pair>/<str:role>/<str:side>/<str:record>/"

urlpatterns = [
    path("records/", records.records, name="records"),
    path("records/csv/", records.as_csv, name="records-csv"),
    path(_ONE, records.one, name="records-one"),
    path(f"{_ONE}look/", records.look, name="records-look"),
    path(f"{_ONE}write/", records.write, name="records-write"),
    path(f"{_ONE}mark/", records.mark, name="records-mark"),
    path(f"{_ONE}undo/", past.undo, name="records-undo"),
    path("customers/", overview.overview, name="customers"),
    path("customers/new/", overview.new, name="customers-new"),
    path("customers/<str:pair>/", overview.one, name="customers-pair"),
    path("customers/<str:pair>/live/", overview.live, name="customers-live"),
    path("customers/<str:pair>/switch/", overview.switch, name="customers-switch"),
    path("customers/<str:pair>/write/", overview.go_live, name="customers-write"),
    path("customers/<str:pair>/go-on/", overview.go_on, name="customers-go_on"),
    path("customers/<str:pair>/end/", overview.end, name="customers-end"),
    path("customers/<str:pair>/ask/", overview.ask, name="customers-ask"),
    path("customers/<str:pair>/transfer/", runs.transfer, name="customers-transfer"),
    path("customers/<str:pair>/rules/", rules.rules, name="customers-rules"),
    path("customers/<str:pair>/rules/edit/", rules.edit, name="customers-rules-edit"),
    path("customers/<str:pair>/feeds/", feeds.feeds, name="customers-feeds"),
    path("customers/<str:pair>/feeds/live/", feeds.live, name="customers-feeds-live"),
    path("customers/<str:pair>/feeds/change/", feeds.change, name="customers-feed"),
    path("customers/<str:pair>/panel/", overview.panel, name="customers-panel"),
    path("customers/<str:pair>/runs/<str:run>/", runs.run, name="customers-run"),
    path("customers/<str:pair>/runs/<str:run>/live/", runs.live, name="customers-run-live"),
    path("customers/<str:pair>/runs/<str:run>/wish/", runs.wish, name="customers-run-wish"),
    path("customers/<str:pair>/runs/<str:run>/approve/", runs.approve, name="customers-run-approve"),
    path("customers/<str:pair>/runs/<str:run>/undo/", runs.undo, name="customers-run-undo"),
    path("customers/<str:pair>/runs/<str:run>/report.csv", runs.as_csv, name="customers-run-csv"),
    path("customers/<str:pair>/runs/<str:run>/report.html", runs.as_html, name="customers-run-html"),
    path("panel/<str:token>/", panel.view, name="panel"),
]
