curl "https://STATFLOW/v1/export?format=ndjson" -o account.ndjson \
  -H "Authorization: Bearer sk_live_YOUR_KEY"
