curl -X POST https://STATFLOW/v1/stat \
  -H "Authorization: Bearer sk_live_YOUR_KEY" \
  -H "Idempotency-Key: order-1234" \
  -H "Content-Type: application/json" \
  -d '{"stat": "orders", "count": 1}'
