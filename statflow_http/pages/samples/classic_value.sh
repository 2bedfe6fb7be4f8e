curl -X POST https://STATFLOW/v \
  -d "key=STAT_KEY_OF_A_VALUE" \
  -d "ukey=sk_live_YOUR_KEY" \
  -d "value=42.5"
