curl "https://STATFLOW/v1/stat/page%20views?step=1h" \
  -H "Authorization: Bearer sk_live_YOUR_KEY"
