curl -X POST https://STATFLOW/v1/keys \
  -H "Authorization: Bearer sk_live_YOUR_KEY" \
  -H "Content-Type: application/json" \
  -d '{"scope": "write", "label": "newsletter pixel"}'
