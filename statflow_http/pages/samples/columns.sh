curl -X POST https://STATFLOW/v1/stats \
  -H "Authorization: Bearer sk_live_YOUR_KEY" \
  -H "Content-Type: application/json" \
  -d '{"stats": ["page views", "latency"], "kind": ["counter", "value"],
       "stat": [0, 0, 1], "v": [1, 1, 42.5]}'
