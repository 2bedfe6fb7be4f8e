curl -X POST https://STATFLOW/ez \
  -d "ezkey=sk_live_YOUR_KEY" \
  -d "stat=messages sent~total,female,europe" \
  -d "count=1"
