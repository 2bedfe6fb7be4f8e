curl -X POST https://STATFLOW/v1/stat \
  -H "Authorization: Bearer sk_live_YOUR_KEY" \
  -H "Content-Type: application/json" \
  -d '{"stat": "page views", "count": 1}'

curl -X POST https://STATFLOW/v1/stat \
  -H "Authorization: Bearer sk_live_YOUR_KEY" \
  -H "Content-Type: application/json" \
  -d '{"stat": "response time", "value": 42.5}'
