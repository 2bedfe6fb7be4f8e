curl -X POST https://STATFLOW/v1/stat \
  -H "Authorization: Bearer sk_live_YOUR_KEY" \
  -H "Content-Type: application/json" \
  -d '{"stat": "my_first_metric", "count": 1}'
