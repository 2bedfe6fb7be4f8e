curl -X POST https://STATFLOW/v1/stat/count \
  -H "Authorization: Bearer sk_live_YOUR_KEY" \
  -H "Content-Type: application/json" \
  -d '{"stat": "page_views", "count": 1}'
