curl -X POST https://STATFLOW/v1/stat/value \
  -H "Authorization: Bearer sk_live_YOUR_KEY" \
  -H "Content-Type: application/json" \
  -d '{"stat": "response_time", "value": 142.5}'
