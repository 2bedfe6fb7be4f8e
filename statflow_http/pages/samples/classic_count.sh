curl -X POST https://STATFLOW/c \
  -d "key=STAT_KEY" \
  -d "ukey=sk_live_YOUR_KEY" \
  -d "count=1"
