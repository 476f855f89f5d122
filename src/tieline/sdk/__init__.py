"""What a connector author imports: contract, manifest, http, auth, paging, webhook, sandbox kit, conformance kit."""
