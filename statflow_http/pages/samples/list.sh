curl "https://STATFLOW/v1/stats?q=page&limit=100" \
  -H "Authorization: Bearer sk_live_YOUR_KEY"
