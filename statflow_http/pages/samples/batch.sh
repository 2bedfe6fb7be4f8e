curl -X POST https://STATFLOW/v1/stats \
  -H "Authorization: Bearer sk_live_YOUR_KEY" \
  -H "Content-Type: application/json" \
  -d '{"stats": [{"stat": "signups", "count": 1}, {"stat": "latency", "value": 42}]}'
