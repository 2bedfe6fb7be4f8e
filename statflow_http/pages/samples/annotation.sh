curl -X POST https://STATFLOW/v1/annotations \
  -H "Authorization: Bearer sk_live_YOUR_KEY" \
  -H "Content-Type: application/json" \
  -d '{"text": "deploy 1.4", "stat": "response time"}'
