curl -X POST https://STATFLOW/ez \
  -H "Content-Type: application/json" \
  -d '{
    "ezkey": "sk_live_YOUR_KEY",
    "data": [
      {"stat": "page views", "count": 1},
      {"stat": "response time", "value": 42.5},
      {"stat": "signups", "count": 1, "t": 1711929600}
    ]
  }'
