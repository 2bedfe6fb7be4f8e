curl -X POST https://STATFLOW/ez \
  -d "ezkey=sk_live_YOUR_KEY" \
  -d "stat=page views" \
  -d "count=1"
